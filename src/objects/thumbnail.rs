//! Small pictures of large ones. Decoding is bounded by pixels and memory before it begins.

use std::fs::File;
use std::io::{BufReader, Cursor};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// The longer side of a thumbnail, in pixels.
pub const SIDE: u32 = 320;
/// Largest file that is decoded: some decoders hold all of it in memory.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Quality of the JPEG written, of 100.
const QUALITY: u8 = 80;
/// Memory a decoder may take beside the pixels.
const SPARE_BYTES: u64 = 32 << 20;

/// A picture's size as it is shown, and a small copy where one is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub thumbnail: Option<Thumbnail>,
}

/// An encoded small picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// Of which pictures a small copy is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Small {
    /// Of those that are not small already.
    #[default]
    OfLarge,
    /// Of all: the copy has nothing in it but pixels, and so nothing of where it was taken.
    OfAll,
}

/// Looks at a picture of at most `max_pixels`. `None` when it is none that can be read. A larger
/// one has no thumbnail, nor has one that is small already where `small` leaves that out. Blocks
/// and computes: for a bounded pool.
pub fn look(file: File, max_pixels: u64, small: Small) -> Option<Picture> {
    let file_bytes = file.metadata().ok()?.len();
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().ok()?;
    let format = reader.format()?;
    if ![ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP].contains(&format)
        || file_bytes > FILE_BYTES_MAX
    {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(max_pixels.saturating_mul(4).saturating_add(SPARE_BYTES));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let is_enough = small == Small::OfLarge && width <= SIDE && height <= SIDE;
    let fits = u64::from(width) * u64::from(height) <= max_pixels
        && decoder.total_bytes() <= max_pixels.saturating_mul(4);
    // Only a picture that decodes is one.
    let thumbnail = if fits {
        let whole = DynamicImage::from_decoder(decoder).ok()?;
        if is_enough { None } else { Some(shrink(whole, turned)?) }
    } else {
        None
    };
    let (width, height) = if is_sideways(turned) { (height, width) } else { (width, height) };
    Some(Picture { width, height, thumbnail })
}

fn is_sideways(turned: Orientation) -> bool {
    matches!(
        turned,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn shrink(whole: DynamicImage, turned: Orientation) -> Option<Thumbnail> {
    // Nothing is made larger than it is.
    let is_small = whole.width() <= SIDE && whole.height() <= SIDE;
    let mut small = if is_small { whole } else { whole.thumbnail(SIDE, SIDE) };
    small.apply_orientation(turned);
    let mut bytes = Vec::new();
    if small.color().has_alpha() {
        let small = DynamicImage::from(small.into_rgba8());
        small.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).ok()?;
        return Some(Thumbnail { content_type: "image/png", bytes });
    }
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    small.into_rgb8().write_with_encoder(encoder).ok()?;
    Some(Thumbnail { content_type: "image/jpeg", bytes })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn opaque(width: u32, height: u32) -> DynamicImage {
        let shade = |x: u32, y: u32| Rgb([(x % 256) as u8, (y % 256) as u8, 90]);
        RgbImage::from_fn(width, height, shade).into()
    }

    #[test]
    fn a_large_picture_of_each_kind_gets_a_small_one() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let bytes = encoded(&opaque(800, 400), format);
            let picture = look(file(&bytes), 1_000_000, Small::OfLarge).unwrap();
            assert_eq!((picture.width, picture.height), (800, 400), "{format:?}");
            let thumbnail = picture.thumbnail.unwrap();
            let small = image::load_from_memory(&thumbnail.bytes).unwrap();
            assert_eq!((small.width(), small.height()), (320, 160), "{format:?}");
        }
    }

    #[test]
    fn what_is_transparent_stays_so() {
        let clear: DynamicImage = RgbaImage::from_pixel(500, 500, Rgba([1, 2, 3, 0])).into();
        let picture =
            look(file(&encoded(&clear, ImageFormat::Png)), 1_000_000, Small::OfLarge).unwrap();
        let thumbnail = picture.thumbnail.unwrap();
        assert_eq!(thumbnail.content_type, "image/png");
        let small = image::load_from_memory(&thumbnail.bytes).unwrap().into_rgba8();
        assert_eq!(small.get_pixel(10, 10).0[3], 0);
    }

    #[test]
    fn a_small_picture_is_its_own_thumbnail() {
        let picture =
            look(file(&encoded(&opaque(320, 20), ImageFormat::Png)), 1_000_000, Small::OfLarge)
                .unwrap();
        assert_eq!(picture, Picture { width: 320, height: 20, thumbnail: None });
        let bytes = encoded(&opaque(320, 20), ImageFormat::Png);
        let copied = look(file(&bytes), 1_000_000, Small::OfAll).unwrap().thumbnail.unwrap();
        let copied = image::load_from_memory(&copied.bytes).unwrap();
        assert_eq!((copied.width(), copied.height()), (320, 20), "copied where it must be");
    }

    #[test]
    fn a_picture_with_too_many_pixels_is_not_decoded() {
        let bytes = encoded(&opaque(1_000, 1_000), ImageFormat::Png);
        let picture = look(file(&bytes), 999_999, Small::OfLarge).unwrap();
        assert_eq!(picture, Picture { width: 1_000, height: 1_000, thumbnail: None });
    }

    #[test]
    fn a_bomb_that_says_it_is_huge_costs_nothing() {
        // The header of a PNG of 60,000 times 60,000 pixels, with its checksum, and no pixels.
        let mut bytes = encoded(&opaque(8, 8), ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
        let checksum = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        let picture = look(file(&bytes), 40_000_000, Small::OfLarge).unwrap();
        assert_eq!((picture.width, picture.thumbnail), (60_000, None));
    }

    fn crc(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            let mixed = crc ^ u32::from(*byte);
            (0..8).fold(
                mixed,
                |crc, _| {
                    if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
                },
            )
        };
        !bytes.iter().fold(u32::MAX, step)
    }

    #[test]
    fn what_only_begins_like_a_picture_is_none() {
        let whole = encoded(&opaque(64, 64), ImageFormat::Png);
        assert_eq!(look(file(&whole[..whole.len() / 2]), 1_000_000, Small::OfLarge), None);
        assert_eq!(look(file(b"\x89PNG\r\n\x1a\n<script>"), 1_000_000, Small::OfLarge), None);
        assert_eq!(look(file(b"BM\0\0\0\0"), 1_000_000, Small::OfLarge), None);
    }
}
