//! A frame for many readers: as it is, and compressed once for all who take it so.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::socket::deflate::{self, WORTH_BYTES, Window};

/// See the module. Clones share what is compressed.
#[derive(Debug, Clone)]
pub struct Parcel {
    plain: Bytes,
    /// By window, each made for the first who takes it; none for a frame that is sent as it is.
    squeezed: Option<Arc<[OnceLock<Bytes>; Window::COUNT]>>,
}

impl From<Bytes> for Parcel {
    /// A whole frame, header included; or nothing.
    fn from(plain: Bytes) -> Self {
        let squeezed = (plain.len() > WORTH_BYTES).then(Arc::default);
        Self { plain, squeezed }
    }
}

impl Parcel {
    /// The frame as it is.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The frame as a reader takes it who can hold this window, or none.
    pub fn shaped(&self, window: Option<Window>) -> &Bytes {
        let (Some(window), Some(squeezed)) = (window, &self.squeezed) else { return &self.plain };
        let window = window.for_message(self.plain.len());
        squeezed[window as usize].get_or_init(|| {
            deflate::squeeze(&self.plain, window).unwrap_or_else(|| self.plain.clone())
        })
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::wire;

    #[test]
    fn all_who_take_it_compressed_share_the_same_bytes_and_the_others_the_plain_ones() {
        let parcel = Parcel::from(wire::text(&"again and ".repeat(300)));
        let first = parcel.shaped(Some(Window::Full)).clone();
        assert!(first.len() < 200 && first[0] == 0xc1);
        for window in [Window::Full, Window::Middle] {
            let other = parcel.clone();
            assert_eq!(other.shaped(Some(window)).as_ptr(), first.as_ptr(), "{window:?}");
        }
        assert_ne!(parcel.shaped(Some(Window::Narrow)).as_ptr(), first.as_ptr());
        assert_eq!(parcel.shaped(None).as_ptr(), parcel.plain().as_ptr());
    }

    #[test]
    fn what_is_short_or_would_not_shrink_is_the_same_for_all() {
        let mixed = |at: u32| at.wrapping_mul(at).wrapping_mul(2_654_435_761) >> 13;
        let noise: Vec<u8> = (0..4_000).map(|at| mixed(at) as u8).collect();
        for frame in [wire::text("short"), Bytes::new(), wire::binary(&noise)] {
            let parcel = Parcel::from(frame.clone());
            let shaped = parcel.shaped(Some(Window::Full));
            if shaped.len() == frame.len() {
                assert_eq!(shaped.as_ptr(), frame.as_ptr());
            }
            assert!(shaped.len() <= frame.len());
            assert_eq!(parcel.is_empty(), frame.is_empty());
        }
    }
}
