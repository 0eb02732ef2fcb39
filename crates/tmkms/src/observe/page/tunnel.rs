//! A tunnel on the page, in the manner of `wg show`.

use super::html::Html;
use crate::observe::document::{Tunnel, TunnelPeer};
use crate::observe::units::{bytes, duration};

/// The section of a tunnel.
pub(super) fn section(html: &mut Html, tunnel: &Tunnel) {
    html.raw("<section>\n<div class=\"head\"><h2>Tunnel ");
    html.text(&tunnel.name).raw("</h2>\n");
    match &tunnel.ended {
        None if tunnel.peers.iter().any(|peer| peer.trouble.is_some()) => {
            html.pill("bad", "in trouble");
        }
        None => html.pill("good", "up"),
        Some(why) => html.pill("bad", why),
    }
    html.raw("</div>\n<dl class=\"facts\">\n");
    html.fact("Address", &tunnel.addresses.join(", "));
    if let Some(port) = tunnel.listen_port {
        html.fact("UDP port", &port.to_string());
    }
    html.raw("</dl>\n");
    html.raw("<p class=\"key\">public key <code>")
        .text(&tunnel.public_key)
        .raw("</code></p>\n");
    for one in &tunnel.peers {
        peer(html, one);
    }
    html.raw("</section>\n");
}

fn peer(html: &mut Html, peer: &TunnelPeer) {
    html.raw("<h3>Peer <code>")
        .text(&peer.public_key)
        .raw("</code></h3>\n");
    if let Some(trouble) = &peer.trouble {
        let said = format!("{}: {}", trouble.text, trouble.advice);
        html.raw("<p class=\"why\">").text(&said).raw("</p>\n");
    }
    let handshake = match peer.handshake_age_s {
        Some(age) => format!("{} ago", duration(age)),
        None => "none yet".to_owned(),
    };
    html.raw("<dl class=\"facts\">\n");
    html.fact("Handshake", &handshake);
    html.fact(
        "Endpoint",
        peer.endpoint.as_deref().unwrap_or("not known yet"),
    );
    html.fact("Allowed", &peer.allowed_ips.join(", "));
    if let Some(mtu) = peer.mtu {
        html.fact("MTU", &mtu.to_string());
    }
    html.fact("Received", &bytes(peer.rx_bytes));
    html.fact("Sent", &bytes(peer.tx_bytes));
    html.raw("</dl>\n");
}
