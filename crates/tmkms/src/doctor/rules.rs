//! The packet filter's rules that matter to one port, out of what `iptables-save` and
//! `nft list ruleset` print.

use std::net::IpAddr;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Sends what comes for the port elsewhere.
    Dnat {
        /// Where to.
        to: IpAddr,
    },
    /// Hides who sends behind this machine's address.
    Masquerade,
    /// Lets nothing in at the port.
    Closed,
}

/// The rules about a TCP port in either language.
pub(super) fn parse(text: &str, port: u16) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut is_forwarding = false;
    for line in text.lines() {
        // A chain of nft, or of iptables: what goes through the machine is not let in by it.
        if line.contains("hook ") {
            is_forwarding = line.contains("hook forward");
        }
        let is_forwarding = is_forwarding || line.starts_with("-A FORWARD");
        rules.extend(rule(line, port).filter(|rule| *rule != Rule::Closed || !is_forwarding));
    }
    rules.dedup();
    rules
}

fn rule(line: &str, port: u16) -> Option<Rule> {
    let line = line.to_ascii_lowercase();
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    if has("masquerade") {
        // Docker's own, for what containers send: it never touches what comes in.
        let is_outgoing =
            words.windows(2).any(|pair| pair == ["!", "-o"]) || line.contains("oifname !=");
        return (!is_outgoing).then_some(Rule::Masquerade);
    }
    let number = port.to_string();
    let mut pairs = words.windows(2);
    if !pairs.any(|pair| pair == ["dport", number.as_str()] || pair == ["--dport", number.as_str()])
    {
        return None;
    }
    let after = |word: &str| {
        let at = words.iter().position(|found| *found == word)?;
        words.get(at.saturating_add(1)).copied()
    };
    let target = after("--to-destination").or_else(|| match after("dnat") {
        Some("to" | "ip" | "ip6") => after("to"),
        _ => None,
    });
    if let Some(target) = target {
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
        let to = host
            .trim_matches(['[', ']'])
            .parse()
            .or_else(|_| target.parse());
        return to.ok().map(|to| Rule::Dnat { to });
    }
    (has("drop") || has("reject")).then_some(Rule::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u16 = 26_659;

    fn dnat(to: &str) -> Rule {
        Rule::Dnat {
            to: to.parse().unwrap(),
        }
    }

    #[test]
    fn rules_of_iptables_are_read() {
        let text = "\
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i wg0 -p tcp -m tcp --dport 26659 -j DNAT --to-destination 172.17.0.1:26659
-A PREROUTING -i wg0 -p tcp -m tcp --dport 26656 -j DNAT --to-destination 172.17.0.9:26656
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -o eth+ -j MASQUERADE
COMMIT
*filter
-A ufw-user-input -p tcp -m tcp --dport 26659 -j DROP
-A FORWARD -p tcp -m tcp --dport 26659 -j DROP
COMMIT
";
        let expected = [dnat("172.17.0.1"), Rule::Masquerade, Rule::Closed];
        assert_eq!(parse(text, PORT), expected);
    }

    #[test]
    fn rules_of_nft_are_read() {
        let text = "\
table ip published {
	chain incoming {
		type nat hook prerouting priority dstnat; policy accept;
		iifname \"wg*\" tcp dport 26659 dnat to 10.1.0.3
	}
	chain outgoing {
		type nat hook postrouting priority srcnat; policy accept;
		oifname \"kiranet\" masquerade
	}
}
table ip deny {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 26659 drop
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		tcp dport 26659 drop
	}
}
";
        let expected = [dnat("10.1.0.3"), Rule::Masquerade, Rule::Closed];
        assert_eq!(parse(text, PORT), expected);
        let with_port =
            "meta l4proto tcp tcp dport 26659 counter packets 0 bytes 0 dnat to 10.1.0.3:26659";
        assert_eq!(parse(with_port, PORT), [dnat("10.1.0.3")]);
        let six = "tcp dport 26659 dnat ip6 to [fd00::3]:26659";
        assert_eq!(parse(six, PORT), [dnat("fd00::3")]);
    }

    #[test]
    fn other_lines_are_passed_over() {
        assert_eq!(parse("", PORT), []);
        assert_eq!(
            parse("tcp dport 26659 accept\ntcp dport 22 drop\n--dport\n", PORT),
            []
        );
        assert_eq!(parse("tcp dport 26659 dnat to nowhere", PORT), []);
    }
}
