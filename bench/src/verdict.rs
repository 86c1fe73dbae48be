//! How a figure stands to its goal.

use std::fmt;

use crate::spread::Spread;

/// Whether a goal is reached; between the two others the rounds do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By the median, or by a figure that has no chance in it.
    Reached,
    /// The median is above, the interval reaches below.
    Open,
    /// The whole interval is above, or a figure that has no chance in it.
    Missed,
}

impl Verdict {
    /// Of a figure that is counted, or measured once.
    pub(crate) const fn of(is_reached: bool) -> Self {
        if is_reached { Self::Reached } else { Self::Missed }
    }

    /// Of a figure of the rounds that shall be at the most `at_most`, as it is printed with so many digits.
    pub(crate) fn of_spread(spread: &Spread, at_most: f64, digits: usize) -> Self {
        let is_above = |figure: f64| {
            let printed = format!("{figure:.digits$}").parse();
            printed.unwrap_or(figure) > at_most
        };
        match (is_above(spread.median), is_above(spread.low)) {
            (false, _) => Self::Reached,
            (true, false) => Self::Open,
            (true, true) => Self::Missed,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reached => "reached",
            Self::Open => "open",
            Self::Missed => "**missed**",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(low: f64, median: f64) -> Verdict {
        Verdict::of_spread(&Spread { low, median, high: 9.0 }, 1.25, 2)
    }

    #[test]
    fn a_goal_is_missed_only_where_the_whole_interval_lies_above_it() {
        assert_eq!(of(1.0, 1.2), Verdict::Reached);
        assert_eq!(of(1.0, 1.3), Verdict::Open);
        assert_eq!(of(1.3, 1.4), Verdict::Missed);
    }

    #[test]
    fn a_verdict_is_of_the_figures_that_are_printed() {
        assert_eq!(of(1.0, 1.2549), Verdict::Reached);
        assert_eq!(of(1.2549, 1.256), Verdict::Open);
    }
}
