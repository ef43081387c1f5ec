//! The fault-injecting proxy does what it says, before a server that sends back what it gets.

use crate::support::{Mode, Proxy};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server that sends everything back; it ends with the test process.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends bytes and reads as many back.
fn exchange(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes, "other bytes came back");
}

/// Whether the connection is at its end, gracefully or not.
fn ended(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(e) => e.kind() == ErrorKind::ConnectionReset,
    }
}

/// Whether nothing comes for a while.
fn silent(stream: &mut TcpStream) -> bool {
    let before = stream.read_timeout().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(before).unwrap();
    matches!(
        read.unwrap_err().kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    )
}

#[track_caller]
fn eventually(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it did not come to pass"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn pass_forwards_and_counts() {
    let proxy = Proxy::start(echo());
    let (mut a, mut b) = (client(&proxy), client(&proxy));
    let bytes: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
    exchange(&mut a, &bytes);
    exchange(&mut b, b"b");
    // Bytes are counted once they are written, which the client may see first.
    eventually(|| (proxy.counts().down, proxy.counts().up) == (100_001, 100_001));
    let counts = proxy.counts();
    assert_eq!((counts.accepted, counts.cut), (2, 0));
    assert_eq!(proxy.open(), 2);
    drop(a);
    eventually(|| proxy.open() == 1);
    assert_eq!(proxy.counts().cut, 0, "the client went by itself");
    exchange(&mut b, b"still here");
}

#[test]
fn delay_and_throttle_take_their_time() {
    let proxy = Proxy::start(echo());
    let mut stream = client(&proxy);
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let began = Instant::now();
    exchange(&mut stream, b"there and back");
    assert!(began.elapsed() >= Duration::from_millis(200));

    proxy.set(Mode::Throttle(50_000));
    let began = Instant::now();
    exchange(&mut stream, &[7; 25_000]);
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(500) && took < Duration::from_secs(5),
        "{took:?}"
    );

    proxy.set(Mode::Pass);
    let began = Instant::now();
    exchange(&mut stream, &[7; 25_000]);
    assert!(began.elapsed() < Duration::from_millis(400));
}

#[test]
fn half_open_keeps_connections_and_says_nothing() {
    let proxy = Proxy::start(echo());
    let mut old = client(&proxy);
    exchange(&mut old, b"before");
    proxy.set(Mode::HalfOpen);
    let mut new = client(&proxy);
    old.write_all(b"held").unwrap();
    new.write_all(b"held").unwrap();
    assert!(silent(&mut old) && silent(&mut new));
    assert_eq!((proxy.open(), proxy.counts().down), (2, 6));
    // What was held goes on its way.
    proxy.set(Mode::Pass);
    for stream in [&mut old, &mut new] {
        let mut back = [0; 4];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"held");
    }
    // A connection is cut while nothing is forwarded.
    proxy.set(Mode::HalfOpen);
    proxy.cut();
    assert!(ended(&mut old) && ended(&mut new));
}

#[test]
fn cut_ends_what_is_there_and_nothing_that_comes() {
    let proxy = Proxy::start(echo());
    let mut old = client(&proxy);
    exchange(&mut old, b"before");
    proxy.cut();
    assert!(ended(&mut old));
    assert_eq!((proxy.open(), proxy.counts().cut), (0, 1));
    exchange(&mut client(&proxy), b"after");
}

#[test]
fn cut_after_is_to_the_byte() {
    let proxy = Proxy::start(echo());
    let mut stream = client(&proxy);
    exchange(&mut stream, &[1; 1000]);
    proxy.set(Mode::CutAfter {
        bytes: 70_000,
        once: false,
    });
    for mut stream in [stream, client(&proxy)] {
        let mut writing = stream.try_clone().unwrap();
        // The rest has nowhere to go once the connection is cut.
        let writer = std::thread::spawn(move || writing.write_all(&[2; 200_000]).is_ok());
        let mut back = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            back.extend_from_slice(&buffer[..read]);
        }
        assert_eq!(back.len(), 70_000);
        writer.join().unwrap();
    }
    // The client may see the end before it is counted.
    let cut = Instant::now();
    while proxy.counts().cut < 2 && cut.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(proxy.counts().cut, 2);

    proxy.set(Mode::CutAfter {
        bytes: 10,
        once: true,
    });
    let (mut first, mut second) = (client(&proxy), client(&proxy));
    first.write_all(&[3; 10]).unwrap();
    first.read_exact(&mut [0; 10]).unwrap();
    assert!(ended(&mut first));
    exchange(&mut second, &[4; 1000]);
}

#[test]
fn refuse_turns_new_connections_away() {
    let proxy = Proxy::start(echo());
    let mut old = client(&proxy);
    exchange(&mut old, b"before");
    proxy.set(Mode::Refuse);
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    exchange(&mut old, b"those there go on");
    proxy.set(Mode::Pass);
    exchange(&mut client(&proxy), b"after");
}

#[test]
fn a_server_that_is_gone_ends_the_connection() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody);
    assert!(ended(&mut client(&proxy)));
}
