//! Pictures that stories upload.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// A picture of many shades, which no format makes much smaller.
pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let shade = |x: u32, y: u32| Rgb([(x % 251) as u8, (y % 241) as u8, (x * y % 239) as u8]);
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(RgbImage::from_fn(width, height, shade));
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The same as PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    picture(width, height, ImageFormat::Png)
}
