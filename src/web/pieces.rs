//! The body of a response that is made while it is sent.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};

/// What makes a body, piece by piece.
pub(super) trait Source: Sized + Send + 'static {
    /// The next piece, and what makes those behind it; `None` at the end.
    fn next(self) -> impl Future<Output = Option<(Bytes, Self)>> + Send;
}

type Next<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>> + Send>>;

/// The pieces of a source as a body; the next one is made once the one before was taken.
pub(super) struct Pieces<S>(Next<S>);

impl<S: Source> Pieces<S> {
    pub(super) fn of(source: S) -> Self {
        Self(Box::pin(source.next()))
    }
}

impl<S: Source> Body for Pieces<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.as_mut().poll(context).map(|next| {
            let (bytes, source) = next?;
            self.0 = Box::pin(source.next());
            Some(Ok(Frame::data(bytes)))
        })
    }
}
