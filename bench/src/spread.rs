//! Medians, percentiles, and how far the rounds lie apart.

use std::fmt;

/// The least, the middle and the greatest of one figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The least.
    pub(crate) min: f64,
    /// The middle one.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of the rounds' figures; `None` without any.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { min, median: f64::midpoint(low, high), max })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { min, median, max } = self;
        if (max - min).abs() < f64::EPSILON {
            return write!(f, "{median:.digits$}");
        }
        write!(f, "{median:.digits$} ({min:.digits$}–{max:.digits$})")
    }
}

/// The value below which `share` of the sorted values lie; 0 without any.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a list of samples"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_sorted_figures_and_its_middle_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0]).expect("there are figures");
        assert_eq!(spread, Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(spread.to_string(), "2.50 (1.00–4.00)");
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_figure_that_never_varied_is_told_once() {
        assert_eq!(format!("{:.1}", Spread::of([1.0, 1.0]).expect("there are figures")), "1.0");
    }

    #[test]
    fn a_percentile_of_few_samples_is_the_last() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&sorted, 0.5) - 51.0).abs() < f64::EPSILON);
        assert!((percentile(&sorted[..3], 0.99) - 3.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).abs() < f64::EPSILON);
    }
}
