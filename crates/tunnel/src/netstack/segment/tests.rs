use super::*;

#[test]
fn nothing_is_seen_in_garbage() {
    assert_eq!(see(&[]), None);
    assert_eq!(see(&[0x45; 10]), None);
    assert_eq!(see(&[0x60; 39]), None);
    assert_eq!(destination(&[]), None);
    assert_eq!(destination(&[0x45; 10]), None);
}

/// Before the path was measured there is no limit, and the SYN goes on as it is.
#[test]
fn syn_for_a_path_of_unknown_size_stays_as_it_is() {
    let tcp = TcpRepr {
        src_port: 1,
        dst_port: 2,
        control: TcpControl::Syn,
        seq_number: smoltcp::wire::TcpSeqNumber(1),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: Some(1380),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let ip = IpRepr::Ipv4(Ipv4Repr {
        src_addr: Ipv4Addr::new(10, 200, 0, 2),
        dst_addr: Ipv4Addr::new(10, 200, 0, 1),
        next_header: IpProtocol::Tcp,
        payload_len: 0,
        hop_limit: 64,
    });
    let mut packet = Vec::new();
    write(&ip, &tcp, &mut packet);
    let mut emitted = Vec::new();
    fit(&packet, usize::MAX, &mut |piece| {
        emitted.push(piece.to_vec());
    });
    assert_eq!(emitted, [packet]);
}
