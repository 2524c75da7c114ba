//! A terminal, as far as the console uses it.

/// What a terminal of 100 columns shows of these bytes, a line a row, and the column of its cursor.
pub fn screen(bytes: &[u8]) -> (Vec<String>, usize) {
    let (mut rows, mut column) = (vec![Vec::new()], 0usize);
    let text = String::from_utf8(bytes.to_vec()).expect("a console speaks UTF-8");
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let row: &mut Vec<char> = rows.last_mut().expect("there is one");
        match c {
            '\r' => column = 0,
            '\n' => rows.push(Vec::new()),
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['));
                let sequence: String = chars.by_ref().take_while(|c| !c.is_alphabetic()).collect();
                match sequence.as_str() {
                    "" => row.truncate(column),
                    back => column -= back.parse::<usize>().expect("a number"),
                }
            }
            c => {
                assert!(!c.is_control(), "{c:?}");
                row.resize(row.len().max(column + 1), ' ');
                row[column] = c;
                column += 1;
            }
        }
    }
    (rows.into_iter().map(|row| row.into_iter().collect()).collect(), column)
}
