//! Reading Prometheus text.

use std::collections::HashMap;

/// The samples of one scrape, by name and labels as written: `name{label="value"}`.
#[derive(Debug)]
pub struct Metrics(HashMap<String, f64>);

impl Metrics {
    /// Parses the text format; lines that are no sample are left out.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// One sample; 0 if it was never counted.
    pub fn value(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or(0.0)
    }

    /// The sum over all label values of a metric.
    pub fn sum(&self, name: &str) -> f64 {
        let labelled = format!("{name}{{");
        let samples = self.0.iter();
        samples.filter(|(key, _)| *key == name || key.starts_with(&labelled)).map(|(_, v)| v).sum()
    }
}

fn sample(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_their_labels_and_summed_by_their_name() {
        let metrics = Metrics::parse("# TYPE a counter\na{b=\"1\"} 2\na{b=\"2\"} 3\nab 9\n");
        assert!((metrics.value("a{b=\"2\"}") - 3.0).abs() < f64::EPSILON);
        assert!((metrics.sum("a") - 5.0).abs() < f64::EPSILON);
        assert!(metrics.value("c").abs() < f64::EPSILON);
    }
}
