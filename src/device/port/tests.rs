use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn clients_that_read_nothing_are_disconnected_slow_ones_are_not() {
    let patience = Duration::from_millis(600);
    for reads in [false, true] {
        let (mut client, served) = UnixStream::pair().expect("a pair");
        served.set_nonblocking(true).expect("its own end");
        let shared = Arc::new(Shared::default());
        let ends = Ends::of(OwnedFd::from(served).into()).expect("two ends");
        shared.set_ends(Some(Arc::new(ends)));
        let writing = Arc::clone(&shared);
        let writer = std::thread::spawn(move || write(&writing, patience));
        shared.push(vec![7; QUEUE_BYTES], QUEUE_BYTES);
        let mut taken = 0;
        for _ in 0..10 {
            std::thread::sleep(patience / 4);
            if reads {
                let mut some = vec![0; QUEUE_BYTES / 16];
                taken += client.read(&mut some).expect("there is something");
            }
        }
        assert_eq!(shared.stuck.load(Ordering::Relaxed), !reads, "{taken} bytes read");
        shared.closing.store(true, Ordering::Relaxed);
        shared.changed.notify_all();
        drop(client);
        writer.join().expect("it ends");
    }
}

#[test]
fn output_waiting_for_an_unread_line_is_bounded() {
    let shared = Shared::default();
    let nobody = std::fs::File::open("/dev/null").and_then(Ends::of).expect("it is everywhere");
    shared.set_ends(Some(Arc::new(nobody)));
    let sent = |bytes: usize, room: usize| {
        shared.push(vec![0; bytes], room);
        (shared.lock().bytes, shared.dropped.load(Ordering::Relaxed))
    };
    assert_eq!(sent(BUSY_BYTES, BUSY_BYTES), (BUSY_BYTES, 0));
    assert_eq!(sent(1, BUSY_BYTES), (BUSY_BYTES, 1));
    assert_eq!(sent(QUEUE_BYTES - BUSY_BYTES, QUEUE_BYTES), (QUEUE_BYTES, 1));
    assert_eq!(sent(1, QUEUE_BYTES), (QUEUE_BYTES, 2));
}
