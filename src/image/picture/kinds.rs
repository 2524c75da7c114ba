//! Files that are no images that can be read: what they are, by their first bytes, and the line that converts them.

use std::path::Path;

/// A kind of file.
struct Kind {
    /// In words, with an article.
    what: &'static str,
    /// What to do with it; `{}` stands for the file.
    next: &'static str,
}

const IMAGE: &str = "magick {} NEW.png";
const HEIF: &str = "heif-convert {} NEW.png, or: magick {} NEW.png";
const RAW: &str =
    "dcraw -c -w {} | magick - NEW.png, or export it as JPEG from the camera's program";
const VIDEO: &str = "ffmpeg -i {} -vf fps=2 FOLDER/%04d.png";
const SOUND: &str = "ffmpeg -i {} -ac 1 -ar 16000 NEW.wav";
const VIDEO_OR_SOUND: &str =
    "ffmpeg -i {} -vf fps=2 FOLDER/%04d.png, or of a sound: ffmpeg -i {} -ac 1 -ar 16000 NEW.wav";
const PAGE: &str = "magick -density 200 {} NEW.png";
const ARCHIVE: &str = "unpack it first, and name the folder";
const NOTHING: &str = "";

/// First bytes, and what they mean.
const STARTS: &[(&[u8], Kind)] = &[
    (b"GIF8", Kind { what: "a GIF", next: "magick {} -coalesce FOLDER/%04d.png" }),
    (
        b"\0\x05\x16\x07",
        Kind {
            what: "a Mac's notes on another file (AppleDouble)",
            next: "leave out files whose names begin with ._",
        },
    ),
    (b"\0\x05\x16\0", Kind { what: "a Mac's notes on another file (AppleSingle)", next: NOTHING }),
    (b"IIRO", Kind { what: "a camera's raw picture (ORF)", next: RAW }),
    (b"IIRS", Kind { what: "a camera's raw picture (ORF)", next: RAW }),
    (b"MMOR", Kind { what: "a camera's raw picture (ORF)", next: RAW }),
    (b"IIU\0", Kind { what: "a camera's raw picture (RW2)", next: RAW }),
    (b"FUJIFILMCCD-RAW", Kind { what: "a camera's raw picture (RAF)", next: RAW }),
    (b"\0MRM", Kind { what: "a camera's raw picture (MRW)", next: RAW }),
    (b"FOVb", Kind { what: "a camera's raw picture (X3F)", next: RAW }),
    (b"\xFF\x0A", Kind { what: "a JPEG XL", next: "djxl {} NEW.png" }),
    (b"\0\0\0\x0CJXL ", Kind { what: "a JPEG XL", next: "djxl {} NEW.png" }),
    (
        b"\0\0\0\x0CjP  ",
        Kind {
            what: "a JPEG 2000",
            next: "opj_decompress -i {} -o NEW.png, or: magick {} NEW.png",
        },
    ),
    (
        b"\xFF\x4F\xFF\x51",
        Kind {
            what: "a JPEG 2000",
            next: "opj_decompress -i {} -o NEW.png, or: magick {} NEW.png",
        },
    ),
    (b"8BPS", Kind { what: "a Photoshop file (PSD)", next: "magick {}[0] NEW.png" }),
    (b"gimp xcf", Kind { what: "a GIMP file (XCF)", next: IMAGE }),
    (b"%PDF", Kind { what: "a PDF", next: "pdftoppm -r 200 -png {} NEW" }),
    (b"%!PS", Kind { what: "a PostScript file", next: PAGE }),
    (b"\xC5\xD0\xD3\xC6", Kind { what: "a PostScript file", next: PAGE }),
    (b"\x76\x2F\x31\x01", Kind { what: "an OpenEXR picture", next: IMAGE }),
    (b"#?RADIANCE", Kind { what: "a Radiance HDR picture", next: IMAGE }),
    (b"DDS ", Kind { what: "a DDS texture", next: IMAGE }),
    (b"qoif", Kind { what: "a QOI", next: IMAGE }),
    (b"farbfeld", Kind { what: "a farbfeld picture", next: IMAGE }),
    (b"\0\0\x01\0", Kind { what: "an icon (ICO)", next: IMAGE }),
    (b"\0\0\x02\0", Kind { what: "a cursor (CUR)", next: IMAGE }),
    (b"SIMPLE  =", Kind { what: "a FITS picture", next: IMAGE }),
    (
        b"\x93NUMPY",
        Kind {
            what: "a NumPy array",
            next: "python3 -c \"import numpy, PIL.Image as i; i.fromarray(numpy.load('{}')).save('NEW.png')\"",
        },
    ),
    (
        b"YUV4MPEG2",
        Kind {
            what: "a video (Y4M)",
            next: "ffmpeg -i {} FOLDER/%04d.png, or: fieldtune run --camera replay:{}",
        },
    ),
    (b"\x1A\x45\xDF\xA3", Kind { what: "a video (WebM or Matroska)", next: VIDEO }),
    (b"FLV\x01", Kind { what: "a video (FLV)", next: VIDEO }),
    (b"OggS", Kind { what: "an Ogg video or sound", next: VIDEO_OR_SOUND }),
    (b"fLaC", Kind { what: "a recording of sound (FLAC)", next: NOTHING }),
    (b"ID3", Kind { what: "a recording (MP3)", next: SOUND }),
    (b"FORM", Kind { what: "a recording (AIFF)", next: SOUND }),
    (b"\0\0\x01\xBA", Kind { what: "a video (MPEG)", next: VIDEO }),
    (b"\0\0\x01\xB3", Kind { what: "a video (MPEG)", next: VIDEO }),
    (b"\0\0\0\x01", Kind { what: "a video (H.264 or H.265)", next: VIDEO }),
    (b"\x30\x26\xB2\x75", Kind { what: "a video (WMV)", next: VIDEO }),
    (
        b"version https://git-lfs.github.com/spec/",
        Kind { what: "a Git LFS pointer, whose file was not fetched", next: "git lfs pull" },
    ),
    (
        b"PK\x03\x04",
        Kind { what: "a ZIP archive", next: "unzip {} -d FOLDER, and name the folder" },
    ),
    (b"\x1F\x8B", Kind { what: "a gzip archive", next: ARCHIVE }),
    (b"BZh", Kind { what: "a bzip2 archive", next: ARCHIVE }),
    (b"\xFD7zXZ", Kind { what: "an xz archive", next: ARCHIVE }),
    (b"\x28\xB5\x2F\xFD", Kind { what: "a zstd archive", next: ARCHIVE }),
    (b"7z\xBC\xAF\x27\x1C", Kind { what: "a 7-Zip archive", next: ARCHIVE }),
    (b"Rar!", Kind { what: "a RAR archive", next: ARCHIVE }),
    (b"\x7FELF", Kind { what: "a program", next: NOTHING }),
    (b"SQLite format 3", Kind { what: "an SQLite database", next: NOTHING }),
    (b"redb", Kind { what: "a store of what was learned", next: "name it with --store {}" }),
];

/// Endings of TIFFs that only a camera's program shows.
const RAW_ENDINGS: [&str; 12] =
    ["nef", "nrw", "dng", "arw", "sr2", "srf", "cr2", "pef", "srw", "3fr", "iiq", "kdc"];

/// What a file is, if it is known, in words; and what to do.
///
/// * `name`: what messages call it; named in the line that converts it if it is a file's.
pub(super) fn describe(bytes: &[u8], name: &str) -> Option<String> {
    let Kind { what, next } = kind(bytes, name)?;
    // A name of something that has none on the disk has no ending either.
    let file = if Path::new(name).extension().is_some() { quoted(name) } else { "FILE".to_owned() };
    let next = next.replace("{}", &file);
    let text = format!("this is {what}, wanted PNG, JPEG, BMP, PPM or WebP");
    Some(if next.is_empty() { text } else { format!("{text}; next: {next}") })
}

fn kind(bytes: &[u8], name: &str) -> Option<Kind> {
    if let Some((_, Kind { what, next })) =
        STARTS.iter().find(|(start, _)| bytes.starts_with(start))
    {
        return Some(Kind { what, next });
    }
    let at =
        |place: usize, wanted: &[u8]| bytes.get(place..).is_some_and(|b| b.starts_with(wanted));
    let tiff = [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"];
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or("");
    Some(if tiff.iter().any(|start| bytes.starts_with(start)) {
        match at(8, b"CR") || RAW_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            true => Kind { what: "a camera's raw picture", next: RAW },
            false => Kind { what: "a TIFF", next: IMAGE },
        }
    } else if at(4, b"ftyp") {
        media(bytes)
    } else if [b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"].iter().any(|&b| at(4, b)) {
        Kind { what: "a video (QuickTime)", next: VIDEO }
    } else if at(0, b"RIFF") {
        if at(8, b"WAVE") {
            return Some(Kind { what: "a recording of sound (WAV)", next: NOTHING });
        }
        return at(8, b"AVI ").then_some(Kind { what: "a video (AVI)", next: VIDEO });
    } else if at(128, b"DICM") {
        Kind {
            what: "a DICOM picture",
            next: "dcmj2pnm --write-png {} NEW.png, or: magick {} NEW.png",
        }
    } else if at(0, b"G") && at(188, b"G") && at(376, b"G") {
        Kind { what: "a video (MPEG transport stream)", next: VIDEO }
    } else {
        return text(bytes);
    })
}

/// What the boxes of ISO/IEC 14496-12 hold, by their brands.
fn media(bytes: &[u8]) -> Kind {
    let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
    let brands = bytes.get(8..length.clamp(12, 256).min(bytes.len())).unwrap_or_default();
    let brands: Vec<&[u8]> = brands.chunks_exact(4).collect();
    let any = |wanted: &[&[u8]]| brands.iter().any(|brand| wanted.contains(brand));
    if any(&[b"avif", b"avis"]) {
        Kind { what: "an AVIF", next: "avifdec {} NEW.png, or: magick {} NEW.png" }
    } else if any(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]) {
        Kind { what: "a HEIC, as iPhones take", next: HEIF }
    } else if any(&[b"mif1", b"msf1"]) {
        Kind { what: "a HEIF picture", next: HEIF }
    } else if any(&[b"crx "]) {
        Kind { what: "a camera's raw picture (CR3)", next: RAW }
    } else if any(&[b"M4A ", b"M4B "]) {
        Kind { what: "a sound (M4A)", next: NOTHING }
    } else if any(&[b"qt  "]) {
        Kind { what: "a video (QuickTime, MOV)", next: VIDEO }
    } else {
        Kind { what: "a video (MP4)", next: VIDEO }
    }
}

fn text(bytes: &[u8]) -> Option<Kind> {
    let start = &bytes[..bytes.len().min(1024)];
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    let start = start.to_ascii_lowercase();
    let has = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    if start.starts_with(b"<!doctype html") || start.starts_with(b"<html") || has(b"<head>") {
        return Some(Kind {
            what: "a web page (HTML), perhaps an error's instead of the picture",
            next: "download the picture itself",
        });
    }
    if start.starts_with(b"<") && has(b"<svg") {
        return Some(Kind {
            what: "a drawing (SVG)",
            next: "rsvg-convert {} -o NEW.png, or: magick {} NEW.png",
        });
    }
    None
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/+,:=@%".contains(c);
    if path.chars().all(plain) && !path.starts_with('-') {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_kinds_are_named_with_their_converter() {
        let cases: &[(&[u8], &str, &str, &str)] = &[
            (b"GIF89a\x01\0", "a.gif", "a GIF", "magick a.gif -coalesce"),
            (b"\0\x05\x16\x07\0\x02\0\0", "._a.jpg", "AppleDouble", "names begin with ._"),
            (
                b"\0\0\0\x1cftypheic\0\0\0\0mif1heic",
                "a b.jpg",
                "a HEIC",
                "heif-convert 'a b.jpg' NEW.png",
            ),
            (b"\0\0\0\x1cftypmif1\0\0\0\0miafavif", "a.avif", "an AVIF", "avifdec a.avif"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", "a.heif", "a HEIF", "heif-convert a.heif"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "x.mp4", "MP4", "ffmpeg -i x.mp4 -vf fps=2"),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "x.mov", "MOV", "ffmpeg -i x.mov"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "x.cr3", "CR3", "dcraw"),
            (b"\0\0\x10\0mdat", "x.mov", "QuickTime", "ffmpeg -i x.mov"),
            (b"\x1A\x45\xDF\xA3\x01", "x.webm", "WebM", "ffmpeg -i x.webm"),
            (b"RIFF\0\0\0\0AVI LIST", "x.avi", "AVI", "ffmpeg -i x.avi"),
            (b"YUV4MPEG2 W2 H2", "x.y4m", "Y4M", "replay:x.y4m"),
            (b"II*\0\x08\0\0\0", "x.tif", "a TIFF", "magick x.tif NEW.png"),
            (b"MM\0*\0\0\0\x08", "x.NEF", "raw picture", "dcraw -c -w x.NEF"),
            (b"II*\0\x10\0\0\0CR\x02\0", "x", "raw picture", "dcraw -c -w FILE"),
            (b"\xFF\x0A\xFA", "x.jxl", "JPEG XL", "djxl x.jxl NEW.png"),
            (b"\0\0\0\x0CJXL \r\n\x87\n", "x.jxl", "JPEG XL", "djxl"),
            (b"\0\0\0\x0CjP  \r\n\x87\n", "x.jp2", "JPEG 2000", "opj_decompress -i x.jp2"),
            (b"8BPS\0\x01", "x.psd", "Photoshop", "magick x.psd[0]"),
            (b"<?xml version=\"1.0\"?>\n<svg>", "x.svg", "SVG", "rsvg-convert x.svg"),
            (b"%PDF-1.7", "x.pdf", "a PDF", "pdftoppm"),
            (b"\n<!DOCTYPE HTML><html>", "x.jpg", "web page", "download"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid",
                "x.jpg",
                "Git LFS",
                "git lfs pull",
            ),
            (b"PK\x03\x04", "x.zip", "ZIP", "unzip x.zip"),
        ];
        for (bytes, name, what, next) in cases {
            let text = describe(bytes, name).unwrap_or_else(|| panic!("{name} is known"));
            assert!(text.contains(what) && text.contains(next), "{name}: {text}");
        }
        assert!(describe(b"These are words", "x.png").is_none());
        assert!(describe(b"", "x.png").is_none() && describe(b"\0", "x.png").is_none());
    }
}
