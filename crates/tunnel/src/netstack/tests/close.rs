//! How connections end, and what each side learns of it.

use std::time::Duration;

use super::super::{ConnectionId, End, Netstack, Progress};
use super::world::{Link, PORT, World};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(Link::of_rtt_ms(20), 1)
}

fn read(world: &mut World, side: usize, ends: [ConnectionId; 2]) -> Result<Option<usize>, End> {
    world.sides[side].read(ends[side], &mut [0; 100])
}

fn connections(stack: &Netstack) -> usize {
    stack.connections.len()
}

#[test]
fn closing_delivers_what_was_written_and_both_sides_forget_it() {
    let mut world = world();
    let ends = world.connected();
    let now = world.now;
    assert_eq!(world.sides[1].write(ends[1], b"last words"), Ok(10));
    world.sides[1].release(now, ends[1]);
    world.wait(Duration::from_millis(20));
    assert_eq!(read(&mut world, 0, ends), Ok(Some(10)));
    assert_eq!(read(&mut world, 0, ends), Ok(Some(0)));
    let now = world.now;
    world.sides[0].release(now, ends[0]);
    world.wait(SECOND);
    assert_eq!(connections(&world.sides[0]), 0);
    assert_eq!(connections(&world.sides[1]), 0);
}

#[test]
fn one_direction_can_be_closed_alone() {
    let mut world = world();
    let ends = world.connected();
    world.sides[1].finish(ends[1]);
    world.wait(Duration::from_millis(20));
    assert_eq!(read(&mut world, 0, ends), Ok(Some(0)));
    assert_eq!(
        world.carry(0, ends, b"still here", SECOND),
        Some(b"still here".to_vec())
    );
    assert_eq!(world.sides[1].write(ends[1], b"x"), Err(End::Finished));
}

#[test]
fn an_abort_reaches_the_other_side_as_reset() {
    let mut world = world();
    let ends = world.connected();
    world.sides[1].abort(ends[1]);
    world.wait(Duration::from_millis(20));
    assert_eq!(read(&mut world, 0, ends), Err(End::Reset));
    assert_eq!(read(&mut world, 1, ends), Err(End::Aborted));
}

#[test]
fn unread_bytes_at_the_end_reset_the_connection() {
    let mut world = world();
    let ends = world.connected();
    assert_eq!(world.sides[0].write(ends[0], b"unread"), Ok(6));
    world.wait(Duration::from_millis(20));
    let now = world.now;
    world.sides[1].release(now, ends[1]);
    world.wait(Duration::from_millis(20));
    assert_eq!(read(&mut world, 0, ends), Err(End::Reset));
}

#[test]
fn a_dead_path_ends_an_idle_connection_within_10_s() {
    let mut world = world();
    let ends = world.connected();
    world.wait(3 * SECOND);
    world.link.limit = 0;
    let cut = world.now;
    for side in [0, 1] {
        let end = world.until(10 * SECOND, |world| read(world, side, ends).err());
        assert_eq!(end, Some(End::TimedOut));
    }
    assert!(world.now - cut <= 10 * SECOND);
}

#[test]
fn an_idle_connection_stays_when_the_path_is_there() {
    let mut world = world();
    let ends = world.connected();
    world.wait(600 * SECOND);
    assert_eq!(
        world.carry(0, ends, b"hello", SECOND),
        Some(b"hello".to_vec())
    );
    // One probe and its answer in a second from each side, at the most.
    assert!(world.sent < 4 * 600 + 100, "{}", world.sent);
}

#[test]
fn a_restarted_peer_ends_the_old_connection_within_2_s() {
    let mut world = world();
    let ends = world.connected();
    let nets = ["10.200.0.2/24".parse().unwrap()];
    world.sides[1] = Netstack::new(&nets, 1420, 99, world.now).unwrap();
    let begun = world.now;
    let end = world.until(2 * SECOND, |world| read(world, 0, ends).err());
    assert_eq!(end, Some(End::Reset));
    println!("noticed after {:?}", world.now - begun);
}

#[test]
fn a_side_that_never_closes_is_given_up() {
    let mut world = world();
    let ends = world.connected();
    let now = world.now;
    world.sides[1].release(now, ends[1]);
    world.wait(6 * SECOND);
    assert_eq!(connections(&world.sides[1]), 0);
    assert_eq!(
        world.sides[0].progress(ends[0]),
        Progress::Ended(End::Reset)
    );
}

#[test]
fn a_listener_that_goes_resets_what_nobody_accepted() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    let (dialled, _) = world.dial(SECOND);
    world.wait(Duration::from_millis(20));
    let now = world.now;
    world.sides[0].unlisten(now, PORT);
    world.wait(Duration::from_millis(20));
    assert_eq!(
        world.sides[1].progress(dialled),
        Progress::Ended(End::Reset)
    );
    assert_eq!(connections(&world.sides[0]), 0);
}
