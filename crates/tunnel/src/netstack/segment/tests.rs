use super::*;

#[test]
fn nothing_is_seen_in_garbage() {
    assert_eq!(see(&[]), None);
    assert_eq!(see(&[0x45; 10]), None);
    assert_eq!(see(&[0x60; 39]), None);
    assert_eq!(destination(&[]), None);
    assert_eq!(destination(&[0x45; 10]), None);
}
