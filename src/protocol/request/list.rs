//! The list of requests, made one type.

/// The type of all requests, with what each says of itself, and how they are written.
macro_rules! requests {
    ($($file:ident: $($number:literal $name:ident),*;)+) => {
        $($(pub use $file::$name;)*)+

        /// What a device is asked for.
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Request {
            $($(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($name),
            )*)+
        }

        $($(
            impl From<$name> for Request {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }
        )*)+

        /// Its name and its fields.
        impl std::fmt::Debug for Request {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($(Self::$name(request) => std::fmt::Debug::fmt(request, f),)*)+
                }
            }
        }

        /// The words that are typed, in the order of help.
        pub(super) const WORDS: &[&[Word]] = &[$($file::WORDS),+];

        impl Request {
            /// The names of all.
            pub const NAMES: &[&str] = &[$($(stringify!($name),)*)+];

            /// Of each of them, its operation of the API, if it has one.
            #[cfg(feature = "web")]
            pub(crate) const OPERATIONS: &[Option<Operation>] = &[$($($name::OPERATION,)*)+];

            /// The access that it needs.
            pub fn need(&self) -> Need {
                match self {
                    $($(Self::$name(request) => request.need(),)*)+
                }
            }

            /// Whether it is about what one region shows or has learned. Where several are looked at, it has to be asked
            /// of one of them.
            pub fn is_of_a_region(&self) -> bool {
                match self {
                    $($(Self::$name(_) => $name::OF_A_REGION,)*)+
                }
            }

            /// Whether it may be asked of one region, see [`Of`].
            pub fn may_name_a_region(&self) -> bool {
                match self {
                    $($(Self::$name(_) => $name::MAY_NAME_A_REGION,)*)+
                }
            }

            /// Whether it is about what one region shows.
            pub(crate) fn sees_a_region(&self) -> bool {
                match self {
                    $($(Self::$name(_) => $name::SEES_A_REGION,)*)+
                }
            }

            /// Whether a device may be at it for longer than a frame takes.
            pub fn takes_long(&self) -> bool {
                match self {
                    $($(Self::$name(request) => request.takes_long(),)*)+
                }
            }

            /// What it leaves in the log once it is done.
            pub(super) fn audit(&self) -> Audit {
                match self {
                    $($(Self::$name(request) => request.audit(),)*)+
                }
            }

            /// Whether it does more with a PIN than without.
            fn does_more_with_pin(&self) -> bool {
                match self {
                    $($(Self::$name(request) => request.does_more_with_pin(),)*)+
                }
            }

            /// The same where a PIN is wanted for what does more than teach.
            pub(crate) fn without_pin(self) -> Self {
                match self {
                    $($(Self::$name(request) => request.without_pin(),)*)+
                }
            }

            /// The command that a learner carries out.
            ///
            /// # Errors
            /// The request itself, where it is none for a learner.
            pub fn into_command(self) -> Result<Command, Request> {
                match self {
                    $($(Self::$name(request) => request.into_command(),)*)+
                }
            }

            /// The request of that name (of [`Request::NAMES`]) with these fields, an object; `None` for an unknown name.
            ///
            /// # Errors
            /// What is wrong with the fields, in words.
            pub fn from_json(name: &str, fields: serde_json::Value) -> Option<Result<Self, String>> {
                match name {
                    $($(stringify!($name) => Some($name::from_json(fields).map(Self::$name)),)*)+
                    _ => None,
                }
            }

            /// As a message: its number, its fields.
            pub(super) fn write(&self, message: &mut Vec<u8>) {
                match self {
                    $($(Self::$name(request) => {
                        message.push($number);
                        request.write(message);
                    })*)+
                }
            }

            /// A message's request.
            ///
            /// * `of_region`: it stands behind the name of a region, and must not name another.
            pub(super) fn read(message: &[u8], of_region: bool) -> Result<Self, String> {
                let (number, fields) = message.split_first().ok_or("it is empty")?;
                match number {
                    // However deeply they are nested, only one level is read.
                    0 if of_region => Err("a region inside a region".to_owned()),
                    $($($number => $name::read(fields).map(Self::$name),)*)+
                    unknown => Err(format!("there is no request {unknown}")),
                }
            }
        }
    };
}
