use super::*;

/// Y, U, V and the R, G, B they stand for: the colour bars of full amplitude and saturation, and mid-grey.
const BARS: [([u8; 3], [u8; 3]); 9] = [
    ([235, 128, 128], [255, 255, 255]),
    ([210, 16, 146], [255, 255, 0]),
    ([170, 166, 16], [0, 255, 255]),
    ([145, 54, 34], [0, 255, 0]),
    ([106, 202, 222], [255, 0, 255]),
    ([81, 90, 240], [255, 0, 0]),
    ([41, 240, 110], [0, 0, 255]),
    ([16, 128, 128], [0, 0, 0]),
    ([126, 128, 128], [128, 128, 128]),
];

fn layout(format: PixelFormat, width: u32, height: u32, stride: u32) -> PixelLayout {
    PixelLayout { format, width, height, stride }
}

fn pixels(layout: PixelLayout, bytes: &[u8]) -> Vec<[u8; 3]> {
    let frame = layout.frame(bytes, Timestamp(9)).expect("the bytes are whole");
    assert_eq!((frame.width(), frame.height()), (layout.width, layout.height));
    assert_eq!(frame.captured(), Timestamp(9));
    frame.pixels().as_chunks().0.to_vec()
}

fn near(a: [u8; 3], b: [u8; 3], tolerance: u8) -> bool {
    a.into_iter().zip(b).all(|(a, b)| a.abs_diff(b) <= tolerance)
}

#[test]
fn colour_bars_come_out_in_every_yuv_format() {
    for ([y, u, v], rgb) in BARS {
        let bytes = [
            (PixelFormat::Yuyv, vec![y, u, y, v, y, u, y, v]),
            (PixelFormat::Uyvy, vec![u, y, v, y, u, y, v, y]),
            (PixelFormat::Nv12, vec![y, y, y, y, u, v]),
            (PixelFormat::Yu12, vec![y, y, y, y, u, v]),
            (PixelFormat::Yuv422p, vec![y, y, y, y, u, u, v, v]),
            (PixelFormat::Yuv444p, vec![y, y, y, y, u, u, u, u, v, v, v, v]),
        ];
        for (format, bytes) in bytes {
            for pixel in pixels(layout(format, 2, 2, 0), &bytes) {
                assert!(near(pixel, rgb, 1), "{format} {y} {u} {v}: {pixel:?}, not {rgb:?}");
            }
        }
    }
}

#[test]
fn the_conversion_is_the_standard_s_for_every_value() {
    // In real numbers, from the definition: Y' = Kr R + Kg G + Kb B, and chroma (B - Y') / (2 (1 - Kb)) and
    // (R - Y') / (2 (1 - Kr)).
    let (kr, kb) = (0.299, 0.114);
    for y in 0..=255 {
        for u in (0..=255).step_by(5) {
            for v in (0..=255).step_by(3) {
                let luma = (f64::from(y) - 16.0) / 219.0;
                let [pb, pr] = [u, v].map(|chroma: i32| (f64::from(chroma) - 128.0) / 224.0);
                let (r, b) = (luma + 2.0 * (1.0 - kr) * pr, luma + 2.0 * (1.0 - kb) * pb);
                let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
                let wanted = [r, g, b].map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8);
                let mut got = [[0; 3]];
                Chroma::new(u as u8, v as u8).paint(got.as_flattened_mut(), &[y as u8]);
                assert!(near(got[0], wanted, 1), "{y} {u} {v}: {got:?}, not {wanted:?}");
            }
        }
    }
}

#[test]
fn strides_and_odd_sides_keep_all_pixels() {
    // 3x3 pixels whose luma counts up from 20 in steps of 10, without colour; 99 fills every gap.
    let luma = [[20, 30, 40], [50, 60, 70], [80, 90, 100]];
    let grey = |y: u8| [((f64::from(y) - 16.0) * 255.0 / 219.0).round() as u8; 3];
    let spread = |row: &[u8; 3], first: bool| {
        let pair = |y: u8, z: u8| if first { [y, 128, z, 128] } else { [128, y, 128, z] };
        [pair(row[0], row[1]), pair(row[2], 99)].concat()
    };
    let rows = |gap: usize, row: &dyn Fn(&[u8; 3]) -> Vec<u8>| -> Vec<u8> {
        luma.iter().flat_map(|line| [row(line), vec![99; gap]].concat()).collect()
    };
    for gap in [0, 3] {
        let plain = rows(gap, &|row| row.to_vec());
        let chroma = |count: usize, gap: usize| [vec![128; count], vec![99; gap]].concat();
        // Without a gap NV12's pairs need a byte more than its luma.
        let (pairs, halves) =
            (chroma(4, gap.saturating_sub(1)), chroma(2, gap.div_ceil(2) - gap / 3));
        let cases = [
            (PixelFormat::Yuyv, 8 + gap, rows(gap, &|row| spread(row, true))),
            (PixelFormat::Uyvy, 8 + gap, rows(gap, &|row| spread(row, false))),
            (PixelFormat::Nv12, 3 + gap, [plain.clone(), pairs.repeat(2)].concat()),
            (PixelFormat::Yu12, 3 + gap, [plain.clone(), halves.repeat(4)].concat()),
        ];
        for (format, stride, mut bytes) in cases {
            let layout = layout(format, 3, 3, if gap == 0 { 0 } else { stride as u32 });
            let wanted: Vec<[u8; 3]> = luma.concat().into_iter().map(grey).collect();
            assert_eq!(pixels(layout, &bytes), wanted, "{format} with a gap of {gap}");
            // The gap behind the last row may be missing, its last byte may not.
            bytes.truncate(layout.bytes() as usize);
            assert_eq!(pixels(layout, &bytes), wanted, "{format} without the last gap");
            bytes.pop();
            let error = layout.frame(&bytes, Timestamp(0)).expect_err("a byte is missing");
            let (wanted, got) = (bytes.len() + 1, bytes.len());
            let text = error.to_string();
            assert!(text.contains(&format!("has {wanted} bytes, got {got}")), "{text}");
        }
    }
}

#[test]
fn rgb_bgr_and_grey_keep_their_values() {
    type Case = (PixelFormat, &'static [u8], [[u8; 3]; 2]);
    let cases: [Case; 3] = [
        (PixelFormat::Rgb3, &[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
        (PixelFormat::Bgr3, &[1, 2, 3, 4, 5, 6], [[3, 2, 1], [6, 5, 4]]),
        (PixelFormat::Grey, &[7, 250], [[7; 3], [250; 3]]),
    ];
    for (format, bytes, wanted) in cases {
        assert_eq!(pixels(layout(format, 2, 1, 0), bytes), wanted, "{format}");
        // A column, its rows eight bytes apart.
        let row = bytes.len() / 2;
        let column = [&bytes[..row], &vec![99; 8 - row], &bytes[row..]].concat();
        assert_eq!(pixels(layout(format, 1, 2, 8), &column), wanted, "{format}");
    }
}

#[test]
fn layouts_that_cannot_be_are_refused() {
    let cases = [
        (layout(PixelFormat::Yuyv, 0, 2, 0), "0x2: wanted sides"),
        (layout(PixelFormat::Grey, 1 << 16, 1 << 16, 0), "65536x65536: wanted sides"),
        (layout(PixelFormat::Yuyv, 4, 2, 7), "at least 8 bytes a row, got a stride of 7"),
        (layout(PixelFormat::Nv12, 3, 2, 3), "at least 4 bytes a row, got a stride of 3"),
        (layout(PixelFormat::Mjpg, 2, 2, 0), "not an image"),
    ];
    for (layout, wanted) in cases {
        let text = layout.frame(&[0; 64], Timestamp(0)).expect_err("refused").to_string();
        assert!(text.contains(wanted), "{layout:?}: {text}");
    }
}

#[test]
fn formats_are_known_by_code_and_by_everyday_name() {
    for format in PixelFormat::ALL {
        assert_eq!(format.fourcc().parse::<PixelFormat>().ok(), Some(format));
    }
    let everyday = [("yuv420", "YU12"), ("Rgb", "RGB3"), ("mjpeg", "MJPG"), ("nv12", "NV12")];
    for (name, code) in everyday {
        assert_eq!(name.parse::<PixelFormat>().expect("known").fourcc(), code);
    }
    let text = "h264\n".parse::<PixelFormat>().expect_err("not offered").to_string();
    assert!(text.contains("\"h264\\n\"") && text.contains("mjpg"), "{text}");
}
