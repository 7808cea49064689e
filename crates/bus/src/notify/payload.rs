//! Hints and signals in payloads of PostgreSQL's size: JSON arrays.

use serde::Serialize;

/// PostgreSQL refuses a payload of 8,000 bytes.
pub(crate) const MAX_BYTES: usize = 7_999;

/// As few arrays as it takes, in order. An item that is too large on its own is left out and counted.
pub(crate) fn split<T: Serialize>(items: impl IntoIterator<Item = T>) -> (Vec<String>, usize) {
    let (mut payloads, mut open, mut too_large) = (Vec::new(), String::new(), 0);
    for item in items {
        let Some(json) = serde_json::to_string(&item).ok().filter(|json| json.len() + 2 <= MAX_BYTES) else {
            too_large += 1;
            continue;
        };
        if !open.is_empty() && open.len() + json.len() + 2 > MAX_BYTES {
            payloads.push(std::mem::take(&mut open) + "]");
        }
        open.push(if open.is_empty() { '[' } else { ',' });
        open.push_str(&json);
    }
    if !open.is_empty() {
        payloads.push(open + "]");
    }
    (payloads, too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_stay_below_the_limit_and_lose_nothing() {
        let items: Vec<String> = (0..2000).map(|number| format!("hint {number}")).collect();
        let (payloads, too_large) = split(&items);
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() <= MAX_BYTES));
        let read: Vec<String> = payloads
            .iter()
            .flat_map(|payload| serde_json::from_str::<Vec<String>>(payload).expect("an array"))
            .collect();
        assert_eq!((read, too_large), (items, 0));
    }

    #[test]
    fn the_largest_item_that_fits_goes_out_and_a_larger_one_is_counted() {
        let fits = "x".repeat(MAX_BYTES - 4);
        let (payloads, too_large) = split([fits.clone(), fits.clone() + "x", "small".into()]);
        assert_eq!((payloads.len(), too_large), (2, 1));
        assert_eq!(payloads[0].len(), MAX_BYTES);
    }

    #[test]
    fn nothing_makes_no_payload() {
        assert_eq!(split(Vec::<u8>::new()), (vec![], 0));
    }
}
