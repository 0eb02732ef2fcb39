//! What is left of a [`VolatileDisk`] when the power goes off.
//!
//! Invariants:
//! - Everything that was synced is left, whatever else is.
//! - Any sectors of any un-synced write may survive, each on its own; or all writes up to some
//!   point, the last of them torn at any byte.
//! - Names survive in the order of their changes (a journal), up to some point.

use chance::Rng;

use super::volatile::{Change, Image, VolatileDisk};

/// What the disk writes as a whole.
const SECTOR: usize = 512;

/// How much of what was not synced is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    Everything,
    /// Nothing: the cache was written back just before.
    Nothing,
    /// Any sectors.
    Sectors,
    /// All after some point, with one write torn at any byte.
    Tail,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Everything, Self::Nothing, Self::Sectors, Self::Tail];
}

impl VolatileDisk {
    /// What is there after the power was lost now.
    #[must_use]
    pub fn lose_power(&self, loss: Loss, rng: &mut Rng) -> Image {
        let mut image = self.durable.clone();
        let (names, data): (Vec<&Change>, Vec<&Change>) = self
            .pending
            .iter()
            .partition(|change| matches!(change, Change::Names(_)));
        let surviving = match loss {
            Loss::Everything => 0,
            Loss::Nothing => names.len(),
            Loss::Sectors | Loss::Tail => rng.index(names.len() + 1),
        };
        names.iter().take(surviving).for_each(|c| image.apply(c));
        match loss {
            Loss::Everything => {}
            Loss::Nothing => data.iter().for_each(|change| image.apply(change)),
            Loss::Sectors => data.iter().for_each(|c| some_sectors(&mut image, c, rng)),
            Loss::Tail => {
                let whole = rng.index(data.len() + 1);
                data.iter().take(whole).for_each(|c| image.apply(c));
                if let Some(torn) = data.get(whole) {
                    torn_at_a_byte(&mut image, torn, rng);
                }
            }
        }
        image.forget_nameless();
        image
    }
}

fn some_sectors(image: &mut Image, change: &Change, rng: &mut Rng) {
    let Change::Write {
        file,
        offset,
        bytes,
    } = change
    else {
        if rng.percent(50) {
            image.apply(change);
        }
        return;
    };
    for (index, sector) in bytes.chunks(SECTOR).enumerate() {
        if rng.percent(50) {
            image.write(*file, offset + index * SECTOR, sector);
        }
    }
}

fn torn_at_a_byte(image: &mut Image, change: &Change, rng: &mut Rng) {
    if let Change::Write {
        file,
        offset,
        bytes,
    } = change
    {
        let kept = rng.index(bytes.len() + 1);
        image.write(*file, *offset, bytes.get(..kept).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::volatile::tests::with_file;

    #[test]
    fn unsynced_overwrite_survives_in_any_sectors() {
        let (mut disk, file) = with_file(&[0; 4 * SECTOR]);
        disk.write(file, 0, &[1; 4 * SECTOR]);
        let mut rng = Rng::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..300 {
            let image = disk.lose_power(Loss::Sectors, &mut rng);
            let content = image.read("a").unwrap();
            assert!(content.chunks(SECTOR).all(|s| s.iter().all(|b| *b == s[0])));
            seen.insert(content.chunks(SECTOR).map(|s| s[0]).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 16);
    }

    #[test]
    fn tail_is_lost_from_some_byte_on() {
        let (mut disk, file) = with_file(&[0; SECTOR]);
        disk.write(file, 0, &[1; SECTOR]);
        let mut rng = Rng::new(1);
        let ones: Vec<usize> = (0..200)
            .map(|_| {
                let image = disk.lose_power(Loss::Tail, &mut rng);
                let content = image.read("a").unwrap();
                assert!(content.is_sorted_by(|a, b| a >= b));
                content.iter().filter(|b| **b == 1).count()
            })
            .collect();
        assert!(ones.contains(&SECTOR));
        assert!(ones.iter().any(|n| n % SECTOR != 0));
    }
}
