//! The name that was probably meant.

/// A hint that names the one of `known` which differs least from `name`, where it differs little enough to be meant.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (name.chars().count() / 3).max(1);
    let near =
        known.into_iter().map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate));
    let nearest = near.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance)?.1;
    Some(format!("did you mean `{nearest}`?"))
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = costs[j + 1];
            costs[j + 1] = replaced.min(costs[j] + 1).min(diagonal + 1);
        }
    }
    costs[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["log.segment_bytes", "port", "host"];
        assert_eq!(did_you_mean("log.segement_bytes", known).as_deref(), Some("did you mean `log.segment_bytes`?"));
        assert_eq!(did_you_mean("prt", known).as_deref(), Some("did you mean `port`?"));
        assert_eq!(did_you_mean("colour", known), None);
    }
}
