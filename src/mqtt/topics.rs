//! The names of topics.

/// The topics of one device.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    prefix: String,
}

impl Topics {
    /// * `prefix`: what stands before all of them, without a `/` at its end.
    pub(super) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What stands for the device where a name has no `/`.
    pub(super) fn id(&self) -> String {
        let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        self.prefix.chars().map(fits).collect()
    }

    pub(super) fn online(&self) -> String {
        self.of("online", None)
    }

    pub(super) fn prediction(&self, region: Option<&str>) -> String {
        self.of("prediction", region)
    }

    pub(super) fn status(&self) -> String {
        self.of("status", None)
    }

    pub(super) fn drift(&self, region: Option<&str>) -> String {
        self.of("drift", region)
    }

    pub(super) fn image(&self, region: Option<&str>) -> String {
        self.of("image", region)
    }

    pub(super) fn request(&self) -> String {
        self.of("request", None)
    }

    pub(super) fn answer(&self) -> String {
        self.of("answer", None)
    }

    /// Where the picture goes that a request asked for.
    pub(super) fn answer_image(&self) -> String {
        self.of("answer/image", None)
    }

    fn of(&self, name: &str, region: Option<&str>) -> String {
        match region {
            Some(region) => format!("{}/{name}/{region}", self.prefix),
            None => format!("{}/{name}", self.prefix),
        }
    }
}
