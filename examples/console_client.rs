//! A client of a running device's text console, with the standard library alone: a line out, rows and `ok` or `error:` back.
//!
//! `fieldtune run --camera synthetic: --port unix:/tmp/device.sock` in one terminal, in another
//! `cargo run --example console_client /tmp/device.sock status classes`

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("wanted a socket's path and requests")?;
    let mut stream = UnixStream::connect(&path)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    for request in arguments {
        writeln!(stream, "{request}")?;
        loop {
            let line = lines.next().ok_or("the device closed the connection")??;
            println!("{line}");
            if line.starts_with("error:") {
                return Err(line.into());
            }
            if line == "ok" || line.starts_with("ok ") {
                break;
            }
        }
    }
    Ok(())
}
