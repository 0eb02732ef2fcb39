//! What a bad path costs, in virtual time.

use std::time::Duration;

use super::world::{Link, World};

const SECOND: Duration = Duration::from_secs(1);

/// Requests of 200 bytes and answers of 1,044, one after the other with a pause between; how long
/// each took, sorted.
fn exchanges(link: Link, seed: u64, number: usize) -> Vec<Duration> {
    let mut world = World::new(link, seed);
    let ends = world.connected();
    let mut took = Vec::new();
    for n in 0..number {
        let begun = world.now;
        let fill = u8::try_from(n % 251).unwrap();
        for (from, len) in [(0, 200), (1, 1044)] {
            let sent = vec![fill; len];
            let read = world.carry(from, ends, &sent, 30 * SECOND);
            assert_eq!(read.as_ref(), Some(&sent), "seed {seed}, exchange {n}");
        }
        took.push(world.now - begun);
        world.wait(Duration::from_millis(40));
    }
    took.sort();
    took
}

fn percentile(sorted: &[Duration], of_1000: usize) -> Duration {
    sorted[(sorted.len() * of_1000 / 1000).min(sorted.len() - 1)]
}

fn measure(name: &str, link: Link, number: usize) -> (Duration, Duration) {
    let mut worst = (Duration::ZERO, Duration::ZERO);
    for seed in 1..=5 {
        let took = exchanges(link, seed, number);
        let (p50, p99) = (percentile(&took, 500), percentile(&took, 990));
        let max = percentile(&took, 1000);
        println!("{name}, seed {seed}: p50 {p50:?}, p99 {p99:?}, max {max:?}");
        worst = (worst.0.max(p99), worst.1.max(max));
    }
    worst
}

#[test]
fn a_clean_path_costs_one_round_trip() {
    let took = exchanges(Link::of_rtt_ms(20), 1, 100);
    assert_eq!(percentile(&took, 1000), Duration::from_millis(20));
}

#[test]
fn at_1_percent_loss_and_20_ms_the_p99_is_under_150_ms() {
    let mut link = Link::of_rtt_ms(20);
    link.lost = 10;
    let (p99, max) = measure("1 %, 20 ms", link, 1000);
    assert!(p99 <= Duration::from_millis(150), "{p99:?}");
    assert!(max <= SECOND, "{max:?}");
}

#[test]
fn at_5_percent_loss_no_exchange_lasts_as_long_as_a_node_waits() {
    for rtt_ms in [20, 150] {
        let mut link = Link::of_rtt_ms(rtt_ms);
        link.lost = 50;
        link.jitter = Duration::from_millis(rtt_ms / 10);
        let (p99, max) = measure(&format!("5 %, {rtt_ms} ms"), link, 500);
        assert!(p99 <= SECOND, "{p99:?}");
        assert!(max <= 2 * SECOND, "{max:?}");
    }
}

#[test]
fn at_20_percent_loss_with_doubling_and_reordering_everything_arrives() {
    let mut link = Link::of_rtt_ms(20);
    link.lost = 200;
    link.doubled = 100;
    link.jitter = Duration::from_millis(20);
    let (p99, _) = measure("20 %, 20 ms", link, 200);
    assert!(p99 <= 5 * SECOND, "{p99:?}");
}

#[test]
fn a_message_of_64_kib_takes_one_way_on_a_clean_path() {
    let mut world = World::new(Link::of_rtt_ms(20), 1);
    let ends = world.connected();
    let sent: Vec<u8> = (0..80 * 1024)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    let begun = world.now;
    assert_eq!(world.carry(0, ends, &sent, SECOND), Some(sent));
    assert_eq!(world.now - begun, Duration::from_millis(10));
}

#[test]
fn a_message_of_64_kib_survives_loss_and_overtaking() {
    for seed in 1..=5 {
        let mut link = Link::of_rtt_ms(20);
        link.lost = 50;
        link.jitter = Duration::from_millis(2);
        let mut world = World::new(link, seed);
        let ends = world.connected();
        let sent: Vec<u8> = (0..80 * 1024)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let begun = world.now;
        let read = world.carry(0, ends, &sent, 30 * SECOND);
        println!(
            "80 KiB at 5 %: {:?}, {} packets",
            world.now - begun,
            world.sent
        );
        assert_eq!(read, Some(sent));
        assert!(world.now - begun <= SECOND);
    }
}

#[test]
fn after_a_cut_of_5_s_the_connection_goes_on_within_2_s() {
    let mut world = World::new(Link::of_rtt_ms(20), 1);
    let ends = world.connected();
    world.wait(SECOND);
    world.link.limit = 0;
    assert_eq!(world.carry(0, ends, b"request", 5 * SECOND), None);
    world.link.limit = 1420;
    let read = world.until(2 * SECOND, |world| {
        let mut buffer = [0; 64];
        match world.sides[1].read(ends[1], &mut buffer) {
            Ok(Some(len @ 1..)) => Some(buffer[..len].to_vec()),
            _ => None,
        }
    });
    // Each attempt to carry writes it once more; what counts is that it comes.
    assert!(read.is_some_and(|read| read.starts_with(b"request")));
}

#[test]
fn a_path_that_carries_less_gets_shorter_segments() {
    let mut world = World::new(Link::of_rtt_ms(20), 1);
    let ends = world.connected();
    // The path changes while the connection stands.
    world.link.mtu = 1000;
    world.link.limit = 1000;
    let sent = vec![7; 80 * 1024];
    assert_eq!(world.carry(0, ends, &sent, SECOND), Some(sent.clone()));
    assert_eq!(world.carry(1, ends, &sent, SECOND), Some(sent));
}

#[test]
fn a_dialler_asks_for_segments_that_fit() {
    let mut world = World::new(Link::of_rtt_ms(20), 1);
    world.link.mtu = 1000;
    world.tap = Some(Vec::new());
    let _ = world.connected();
    let tap = world.tap.take().unwrap();
    for (_, syn) in tap.iter().take(2) {
        // The option follows the header of 20 bytes: kind 2, length 4, then the size.
        assert_eq!(syn[40..42], [2, 4]);
        assert_eq!(u16::from_be_bytes([syn[42], syn[43]]), 960);
    }
}
