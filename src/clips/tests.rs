//! Rules of clips, anchors and media; and publishing, where it runs.

use super::media_api::{Wanted, wanted};
use super::probe::{Kind, Probed};
use super::sps::{self, Sps};
use super::*;
use crate::catalog::{self, Create, NewProduct, NewVariant, ProductEdit, ProductState, TaxCategory};
use crate::fixture::Fixture;
use crate::kernel::{AnchorId, ClipId, Currency, Id, Money, ShopId, VariantId};
use mp4_atom::{Codec, Decode, Encode, Fiel, FourCC, Moov, Mvex};
use std::io::Cursor;

/// Two seconds, 128 × 224, H.264 High and AAC, index first.
const CLIP: &[u8] = include_bytes!("../../tests/media/clip.mp4");

/// A file taken apart: its boxes, and its index read.
struct Parts {
    ftyp: Vec<u8>,
    moov: Moov,
    mdat: Vec<u8>,
}

fn parts() -> Parts {
    let mut rest = CLIP;
    let (mut ftyp, mut moov, mut mdat) = (Vec::new(), None, Vec::new());
    while !rest.is_empty() {
        let size = usize::try_from(u32::from_be_bytes(rest[..4].try_into().unwrap())).unwrap();
        let (this, next) = rest.split_at(size);
        match &this[4..8] {
            b"ftyp" => ftyp = this.to_vec(),
            b"moov" => moov = Some(Moov::decode(&mut &this[..]).unwrap()),
            b"mdat" => mdat = this.to_vec(),
            _ => {}
        }
        rest = next;
    }
    Parts {
        ftyp,
        moov: moov.unwrap(),
        mdat,
    }
}

impl Parts {
    fn index(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.moov.encode(&mut bytes).unwrap();
        bytes
    }
    /// The index changes its length when it is changed; a box of nothing keeps the pictures where the index says they are.
    fn file(&self) -> Vec<u8> {
        let mut file = [self.ftyp.clone(), self.index()].concat();
        let gap = (CLIP.len() - self.mdat.len()).saturating_sub(file.len());
        if gap >= 8 {
            file.extend_from_slice(&u32::try_from(gap).unwrap().to_be_bytes());
            file.extend_from_slice(b"free");
            file.resize(file.len() + gap - 8, 0);
        }
        file.extend_from_slice(&self.mdat);
        file
    }
    fn video(&mut self) -> &mut mp4_atom::Trak {
        self.moov
            .trak
            .iter_mut()
            .find(|track| track.mdia.hdlr.handler == FourCC::new(b"vide"))
            .unwrap()
    }
    fn sound(&mut self) -> &mut mp4_atom::Trak {
        self.moov
            .trak
            .iter_mut()
            .find(|track| track.mdia.hdlr.handler == FourCC::new(b"soun"))
            .unwrap()
    }
    fn avc1(&mut self) -> &mut mp4_atom::Avc1 {
        match &mut self.video().mdia.minf.stbl.stsd.codecs[0] {
            Codec::Avc1(avc1) => avc1,
            other => panic!("{other:?}"),
        }
    }
}

fn changed(change: impl Fn(&mut Parts)) -> Vec<u8> {
    let mut parts = parts();
    change(&mut parts);
    parts.file()
}

fn judged(file: &[u8]) -> Result<Probed, &'static str> {
    mp4::probe(&mut Cursor::new(file), file.len() as u64)
        .unwrap()
        .map_err(|refusal| {
            assert!(refusal.remedy.contains("ffmpeg"), "a refusal says what to do");
            refusal.reason
        })
}

#[test]
fn a_good_clip_is_taken_with_its_size_and_length() {
    let good = Probed {
        content_type: "video/mp4",
        extension: "mp4",
        width: 128,
        height: 224,
        duration_ms: 2000,
    };
    assert_eq!(judged(CLIP), Ok(good));
    assert_eq!(judged(&parts().file()), Ok(good));
    let turned = changed(|parts| {
        let matrix = &mut parts.video().tkhd.matrix;
        (matrix.a, matrix.b, matrix.c, matrix.d) = (0, 65_536, -65_536, 0);
    });
    assert_eq!(
        judged(&turned),
        Ok(Probed {
            width: 224,
            height: 128,
            ..good
        })
    );
    let silent = changed(|parts| {
        parts
            .moov
            .trak
            .retain(|track| track.mdia.hdlr.handler == FourCC::new(b"vide"))
    });
    assert_eq!(judged(&silent), Ok(good));
}

#[test]
fn what_a_browser_would_not_play_is_refused_by_name() {
    let Parts { ftyp, mdat, .. } = parts();
    let index = parts().index();
    let moof = [&[0, 0, 0, 8][..], b"moof"].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("not_faststart", [ftyp.clone(), mdat.clone(), index.clone()].concat()),
        ("fragmented", [ftyp.clone(), index.clone(), moof, mdat.clone()].concat()),
        ("fragmented", changed(|parts| parts.moov.mvex = Some(Mvex::default()))),
        ("truncated", CLIP[..CLIP.len() - 1].to_vec()),
        ("truncated", [CLIP, &[0, 0, 0]].concat()),
        (
            "truncated",
            [ftyp.clone(), index.clone(), b"\0\0\0\x08mdat".to_vec()].concat(),
        ),
        ("unreadable", [ftyp.clone(), mdat.clone()].concat()),
        ("no_pictures", [ftyp.clone(), index].concat()),
        (
            "unreadable",
            [ftyp, b"\0\0\0\x10moov\0\0\0\x08mvhd".to_vec(), mdat].concat(),
        ),
        ("duration", changed(|parts| parts.video().mdia.mdhd.duration = 0)),
        ("duration", changed(|parts| parts.video().mdia.mdhd.timescale = 0)),
        (
            "duration",
            changed(|parts| {
                let header = &mut parts.video().mdia.mdhd;
                header.duration = u64::from(header.timescale) * 181;
            }),
        ),
        ("dimensions", changed(|parts| parts.avc1().visual.width = 64)),
        (
            "dimensions",
            changed(|parts| (parts.avc1().visual.width, parts.avc1().visual.height) = (3840, 2160)),
        ),
        (
            "interlaced",
            changed(|parts| {
                parts.avc1().fiel = Some(Fiel {
                    field_count: 2,
                    field_order: 6,
                })
            }),
        ),
        (
            "interlaced",
            changed(|parts| parts.avc1().avcc.sequence_parameter_sets = vec![hex(INTERLACED)]),
        ),
        (
            "video_profile",
            changed(|parts| parts.avc1().avcc.sequence_parameter_sets = vec![hex(TEN_BITS)]),
        ),
        (
            "video_profile",
            changed(|parts| parts.avc1().avcc.sequence_parameter_sets = vec![hex(FULL_COLOUR)]),
        ),
        (
            "video_codec",
            changed(|parts| parts.avc1().avcc.sequence_parameter_sets.clear()),
        ),
        (
            "video_codec",
            changed(|parts| parts.video().mdia.minf.stbl.stsd.codecs.clear()),
        ),
        (
            "audio_codec",
            changed(|parts| match &mut parts.sound().mdia.minf.stbl.stsd.codecs[0] {
                Codec::Mp4a(audio) => audio.esds.es_desc.dec_config.object_type_indication = 0x6b, // MP3 in an MP4.
                other => panic!("{other:?}"),
            }),
        ),
        (
            "tracks",
            changed(|parts| {
                parts
                    .moov
                    .trak
                    .retain(|track| track.mdia.hdlr.handler != FourCC::new(b"vide"))
            }),
        ),
        (
            "tracks",
            changed(|parts| {
                let again = parts.video().clone();
                parts.moov.trak.push(again);
            }),
        ),
        (
            "tracks",
            changed(|parts| {
                let again = parts.sound().clone();
                parts.moov.trak.push(again);
            }),
        ),
    ];
    for (reason, file) in cases {
        assert_eq!(judged(&file).map(|_| ()), Err(reason));
    }
}

#[test]
fn no_cut_or_flipped_byte_of_a_clip_makes_the_probe_fall_over() {
    let header = CLIP.len() - 6951 + 16;
    for at in 0..header {
        for value in [0x00, 0xff, CLIP[at] ^ 0x01] {
            let mut file = CLIP.to_vec();
            file[at] = value;
            drop(mp4::probe(&mut Cursor::new(&file), file.len() as u64).unwrap());
        }
        drop(mp4::probe(&mut Cursor::new(&CLIP[..at]), at as u64).unwrap());
    }
}

const PROGRESSIVE: &str = "6764000bacd942076c0440000003004000000403c50a6580";
const BASELINE: &str = "6742c00bd902076c0440000003004000000403c50a92";
const INTERLACED: &str = "67640015acd9420ed8088000000300800000080f8a14cb";
const TEN_BITS: &str = "676e000ba6cd942076c044000003000400000300403c50a658";
const FULL_COLOUR: &str = "67f4000b919b2840ed80880000030008000003008078a14cb0";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_header_of_the_pictures_tells_depth_colour_and_fields() {
    let set = |profile, chroma_format, bit_depth, progressive| {
        Some(Sps {
            profile,
            chroma_format,
            bit_depth,
            progressive,
        })
    };
    assert_eq!(sps::read(&hex(PROGRESSIVE)), set(100, 1, 8, true));
    assert_eq!(sps::read(&hex(BASELINE)), set(66, 1, 8, true));
    assert_eq!(sps::read(&hex(INTERLACED)), set(100, 1, 8, false));
    assert_eq!(sps::read(&hex(TEN_BITS)), set(110, 1, 10, true));
    assert_eq!(sps::read(&hex(FULL_COLOUR)), set(244, 3, 8, true));
    for bad in [&[][..], &[0x67], &[0x68, 0x64, 0, 0x0b], &hex(PROGRESSIVE)[..6]] {
        assert_eq!(sps::read(bad), None);
    }
}

#[test]
fn a_file_is_what_its_bytes_say() {
    let cases: [(&[u8], Kind); 8] = [
        (CLIP, Kind::Video),
        (b"\x89PNG\r\n\x1a\n....", Kind::Picture),
        (b"\xff\xd8\xff\xe0....", Kind::Picture),
        (b"RIFF....WEBPVP8 ", Kind::Picture),
        (b"WEBVTT\n\n", Kind::Captions),
        (b"\xef\xbb\xbfWEBVTT\n", Kind::Captions),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", Kind::Unknown),
        (b"\x1a\x45\xdf\xa3webm", Kind::Unknown),
    ];
    for (start, kind) in cases {
        assert_eq!(
            Kind::of(start),
            kind,
            "{:?}",
            String::from_utf8_lossy(&start[..8.min(start.len())])
        );
    }
}

#[test]
fn captions_are_read_strictly() {
    let good = "\u{feff}WEBVTT - made by hand\r\n\r\nNOTE hello\r\n\r\n1\r\n00:01.000 --> 00:02.500 line:80%\r\n<v Mira>Clay &amp; water,\r\nand <i>time</i>.\r\n\r\n00:00:03.000 --> 01:00:04.000\r\nDone.\r\n";
    let cue = |start_ms, end_ms, text: &str| Cue {
        start_ms,
        end_ms,
        text: text.into(),
    };
    assert_eq!(
        cues(good.as_bytes()).unwrap(),
        [
            cue(1000, 2500, "Clay & water, and time."),
            cue(3000, 3_604_000, "Done.")
        ]
    );
    for bad in [
        "",
        "WEBVTTX\n\n00:01.000 --> 00:02.000\na\n",
        "WEBVTT\n\n",
        "WEBVTT\n\n00:01,000 --> 00:02,000\na\n",
        "WEBVTT\n\n0:01.000 --> 00:02.000\na\n",
        "WEBVTT\n\n00:02.000 --> 00:01.000\na\n",
        "WEBVTT\n\n00:05.000 --> 00:06.000\na\n\n00:01.000 --> 00:02.000\nb\n",
        "WEBVTT\n\n00:61.000 --> 00:62.000\na\n",
    ] {
        assert_eq!(cues(bad.as_bytes()).unwrap_err().reason, "captions", "{bad:?}");
    }
    assert!(cues(b"WEBVTT\n\n\xff\xfe").is_err());
}

#[test]
fn a_range_is_one_piece_of_the_file() {
    for (range, answer) in [
        ("bytes=0-0", Wanted::Part(0..=0)),
        ("bytes=0-", Wanted::Part(0..=99)),
        ("bytes=90-200", Wanted::Part(90..=99)),
        ("bytes=-10", Wanted::Part(90..=99)),
        ("bytes=-1000", Wanted::Part(0..=99)),
        ("bytes=100-", Wanted::Nothing),
        ("bytes=100-200", Wanted::Nothing),
        ("bytes=-0", Wanted::Nothing),
        ("bytes=5-2", Wanted::All),
        ("bytes=0-1,5-6", Wanted::All),
        ("bytes=a-b", Wanted::All),
        ("bytes=-", Wanted::All),
        ("lines=0-1", Wanted::All),
        ("bytes=99999999999999999999-", Wanted::Nothing),
    ] {
        assert_eq!(wanted(range, 100), answer, "{range}");
    }
    assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
}

#[test]
fn a_metadata_track_survives_what_people_write() {
    let id = AnchorId::from_uuid(uuid::Uuid::nil());
    let json = serde_json::to_string(&serde_json::json!({ "text": "a --> b\n\nWEBVTT", "kind": "mark" })).unwrap();
    let track = anchors_vtt(&[AnchorCue {
        id,
        start_ms: 61_005,
        end_ms: 3_600_000,
        json: json.clone(),
    }]);
    let lines: Vec<&str> = track.lines().collect();
    assert_eq!(lines[..2], ["WEBVTT", ""]);
    assert_eq!(lines[3], "00:01:01.005 --> 01:00:00.000");
    assert_eq!(lines.len(), 5);
    assert!(!lines[4].contains("-->"));
    let read: serde_json::Value = serde_json::from_str(lines[4]).unwrap();
    assert_eq!(read, serde_json::from_str::<serde_json::Value>(&json).unwrap());
    assert_eq!(anchors_vtt(&[]), "WEBVTT\n");
}

#[test]
fn an_anchor_has_rules() {
    let id = AnchorId::from_uuid(uuid::Uuid::nil());
    let variant = VariantId::from_uuid(uuid::Uuid::nil());
    let empty = Anchor {
        id,
        kind: AnchorKind::Mark,
        ask: None,
        start_ms: 0,
        end_ms: 0,
        variant: None,
        copy: Copies::new(),
    };
    let at = |start_ms, end_ms| AnchorEdit {
        start_ms: Some(start_ms),
        end_ms: Some(end_ms),
        ..AnchorEdit::default()
    };
    let kind = |kind| AnchorEdit {
        kind: Some(kind),
        ..at(0, 1000)
    };
    let pointer = |edit: AnchorEdit| {
        edit.apply(&empty, 2000)
            .map_err(|error| error.fields[0].pointer.to_string())
            .err()
    };
    assert_eq!(pointer(at(0, 2000)), None);
    assert_eq!(pointer(at(-1, 2000)).as_deref(), Some("/start_ms"));
    assert_eq!(pointer(at(500, 500)).as_deref(), Some("/end_ms"));
    assert_eq!(pointer(at(0, 2001)).as_deref(), Some("/end_ms"));
    assert_eq!(pointer(kind(AnchorKind::ProductCard)).as_deref(), Some("/variant"));
    assert_eq!(pointer(kind(AnchorKind::Ask)).as_deref(), Some("/ask"));
    let spoken = |language: &str| AnchorEdit {
        copy: Some(Copies::from([(language.to_owned(), Copy::default())])),
        ..at(0, 1000)
    };
    assert_eq!(pointer(spoken("pt-BR")), None);
    assert_eq!(pointer(spoken("english!")).as_deref(), Some("/copy"));

    let card = AnchorEdit {
        variant: Some(variant),
        ..kind(AnchorKind::BuyButton)
    }
    .apply(&empty, 0)
    .unwrap();
    assert_eq!(card.variant, Some(variant));
    let mark = AnchorEdit {
        kind: Some(AnchorKind::Mark),
        ..AnchorEdit::default()
    }
    .apply(&card, 0)
    .unwrap();
    assert_eq!(mark.variant, None, "a mark forgets what the card sold");
}

/// A published shop: one product on sale, one clip with a video.
struct Stage {
    fixture: Fixture,
    clip: ClipId,
    variant: VariantId,
}

fn stage() -> Stage {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let (clip, variant) = fixture.write(move |tx| {
        let video = Media {
            hash: "a".repeat(64),
            content_type: "video/mp4".into(),
            extension: "mp4".into(),
            size_bytes: 9,
            width: 128,
            height: 224,
            duration_ms: 2000,
        };
        store::insert_media(tx, shop, &video)?;
        let new = ClipEdit {
            title: Some("Glaze day".into()),
            media: Some(video.hash),
            ..ClipEdit::default()
        };
        let id = tx.id();
        let CreateClip::Created(clip) = create(tx, shop, "en", id, &new)? else {
            panic!("not created")
        };
        let product = NewProduct {
            title: "Ebb mug".into(),
            slug: None,
            description: String::new(),
            kind: catalog::Kind::Physical,
            tax_category: TaxCategory::Standard,
            image: String::new(),
            state: ProductState::Active,
            variants: vec![NewVariant {
                price: Some(Money::new(3800, Currency::EUR)),
                ..NewVariant::default()
            }],
        };
        let id = tx.id();
        let Create::Created(_, variants) = catalog::create(tx, (shop, Currency::EUR), id, &product)? else {
            panic!("not created")
        };
        Ok((clip.id, variants[0].id))
    });
    Stage { fixture, clip, variant }
}

impl Stage {
    fn card(&self) -> AnchorEdit {
        AnchorEdit {
            kind: Some(AnchorKind::ProductCard),
            start_ms: Some(500),
            end_ms: Some(1500),
            variant: Some(self.variant),
            ..AnchorEdit::default()
        }
    }
    fn add(&self, edit: AnchorEdit) -> EditAnchor {
        let (shop, clip) = (self.fixture.shop, self.clip);
        self.fixture.write(move |tx| {
            let id = tx.id();
            add_anchor(tx, (shop, Currency::EUR), clip, id, &edit)
        })
    }
    fn publish(&self) -> Publish {
        let (shop, clip) = (self.fixture.shop, self.clip);
        self.fixture
            .write(move |tx| publish(tx, (shop, Currency::EUR), clip, None))
    }
    fn rename(&self, title: &str) -> EditClip {
        let (shop, clip) = (self.fixture.shop, self.clip);
        let edit_to = ClipEdit {
            title: Some(title.into()),
            ..ClipEdit::default()
        };
        self.fixture.write(move |tx| {
            let version = find(tx, shop, clip)?.unwrap().version;
            edit(tx, shop, clip, version, &edit_to)
        })
    }
    fn seen(&self) -> Option<ClipVersion> {
        let (shop, clip) = (self.fixture.shop, self.clip);
        self.fixture.write(move |tx| published(tx, shop, clip))
    }
    fn product_state(&self, state: ProductState) {
        let (shop, variant) = (self.fixture.shop, self.variant);
        self.fixture.write(move |tx| {
            let product = catalog::product_of(tx, shop, variant)?.unwrap();
            let edit = ProductEdit {
                state: Some(state),
                ..ProductEdit::default()
            };
            catalog::edit_product(tx, (shop, Currency::EUR), product.id, product.version, &edit).map(drop)
        });
    }
}

fn live(publish: &Publish) -> (i64, usize) {
    match publish {
        Publish::Live { version, offers } => (version.version, *offers),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_published_stays_as_it_was() {
    let stage = stage();
    assert!(matches!(stage.add(stage.card()), EditAnchor::Done { version: 2, .. }));
    assert_eq!(live(&stage.publish()), (1, 1));
    let first = stage.seen().unwrap();
    assert!(first.content.anchors[0].product.is_some(), "the card names its product");
    stage.rename("Glaze day, recut");
    assert_eq!(
        stage.seen().unwrap(),
        first,
        "an edit of the draft changes nothing viewers see"
    );
    assert_eq!(live(&stage.publish()), (2, 1));
    assert_eq!(stage.seen().unwrap().content.title, "Glaze day, recut");
    assert_eq!(
        live(&stage.publish()),
        (2, 1),
        "publishing what is published makes no version"
    );
    let (shop, clip) = (stage.fixture.shop, stage.clip);
    let kept = stage.fixture.write(move |tx| version(tx, shop, clip, 1)).unwrap();
    assert_eq!(kept.content, first.content, "evidence of what a buyer saw");
}

#[test]
fn a_clip_comes_and_goes() {
    let stage = stage();
    assert_eq!(live(&stage.publish()), (1, 0), "a clip may sell nothing");
    let (shop, clip) = (stage.fixture.shop, stage.clip);
    for _ in 0..2 {
        assert_eq!(
            stage.fixture.write(move |tx| unpublish(tx, shop, clip)),
            Unpublish::Hidden
        );
        assert_eq!(stage.seen(), None);
    }
    assert_eq!(live(&stage.publish()), (1, 0));
}

#[test]
fn a_clip_that_offers_what_nobody_can_buy_is_not_published() {
    let stage = stage();
    let EditAnchor::Done {
        anchor: Some(anchor), ..
    } = stage.add(stage.card())
    else {
        panic!("not set")
    };
    stage.product_state(ProductState::Draft);
    assert_eq!(
        stage.publish(),
        Publish::AnchorNotSellable {
            anchor: anchor.id,
            variant: stage.variant
        }
    );
    stage.product_state(ProductState::Active);
    assert_eq!(live(&stage.publish()), (1, 1));

    let (shop, clip) = (stage.fixture.shop, stage.clip);
    stage.fixture.write(move |tx| {
        let short = Media {
            hash: "b".repeat(64),
            duration_ms: 1000,
            ..media(tx, shop, &"a".repeat(64))?.unwrap()
        };
        store::insert_media(tx, shop, &short)?;
        let version = find(tx, shop, clip)?.unwrap().version;
        edit(
            tx,
            shop,
            clip,
            version,
            &ClipEdit {
                media: Some(short.hash),
                ..ClipEdit::default()
            },
        )
        .map(drop)
    });
    assert_eq!(stage.publish(), Publish::AnchorOutside(anchor.id));
}

#[test]
fn an_edit_made_on_an_older_version_is_refused() {
    let stage = stage();
    let EditAnchor::Done {
        anchor: Some(anchor),
        version,
    } = stage.add(stage.card())
    else {
        panic!("not set")
    };
    let (shop, clip) = (stage.fixture.shop, stage.clip);
    let stale = |version| {
        let edit_to = AnchorEdit {
            end_ms: Some(1600),
            ..AnchorEdit::default()
        };
        stage
            .fixture
            .write(move |tx| edit_anchor(tx, (shop, Currency::EUR), (clip, anchor.id), version, &edit_to))
    };
    assert!(matches!(stale(version), EditAnchor::Done { version: 3, .. }));
    assert_eq!(stale(version), EditAnchor::Stale(3));
    let edit_to = ClipEdit {
        title: Some("Late".into()),
        ..ClipEdit::default()
    };
    assert_eq!(
        stage.fixture.write(move |tx| edit(tx, shop, clip, 2, &edit_to)),
        EditClip::Stale(3)
    );
    assert_eq!(
        stage
            .fixture
            .write(move |tx| remove_anchor(tx, shop, clip, anchor.id, 2)),
        EditAnchor::Stale(3)
    );
}

#[test]
fn t1_a_neighbour_finds_nothing_here() {
    let stage = stage();
    let EditAnchor::Done {
        anchor: Some(anchor), ..
    } = stage.add(stage.card())
    else {
        panic!("not set")
    };
    stage.publish();
    let (neighbour, clip): (ShopId, ClipId) = (stage.fixture.neighbour, stage.clip);
    let card = stage.card();
    stage.fixture.write(move |tx| {
        assert_eq!(find(tx, neighbour, clip)?, None);
        assert_eq!(published(tx, neighbour, clip)?, None);
        assert_eq!(version(tx, neighbour, clip, 1)?, None);
        assert!(!is_published(tx, neighbour, clip)?);
        assert!(anchors(tx, neighbour, clip)?.is_empty());
        assert_eq!(media(tx, neighbour, &"a".repeat(64))?, None);
        assert_eq!(edit(tx, neighbour, clip, 2, &ClipEdit::default())?, EditClip::NotFound);
        assert_eq!(publish(tx, (neighbour, Currency::EUR), clip, None)?, Publish::NotFound);
        assert_eq!(unpublish(tx, neighbour, clip)?, Unpublish::NotFound);
        assert_eq!(remove_anchor(tx, neighbour, clip, anchor.id, 2)?, EditAnchor::NotFound);
        Ok(())
    });
    // A neighbour's clip cannot name our media or offer our product either.
    let id = stage.fixture.write(|tx| Ok(tx.id()));
    let named = ClipEdit {
        title: Some("Theirs".into()),
        media: Some("a".repeat(64)),
        ..ClipEdit::default()
    };
    assert_eq!(
        stage.fixture.refused(move |tx| create(tx, neighbour, "en", id, &named)),
        "invalid_field"
    );
    let bare = ClipEdit {
        title: Some("Theirs".into()),
        ..ClipEdit::default()
    };
    stage
        .fixture
        .write(move |tx| create(tx, neighbour, "en", id, &bare).map(drop));
    let anchor = stage.fixture.write(|tx| Ok(tx.id()));
    let refused = stage
        .fixture
        .refused(move |tx| add_anchor(tx, (neighbour, Currency::EUR), id, anchor, &card));
    assert_eq!(refused, "invalid_field");
}

#[test]
fn addresses_are_made_and_numbered() {
    let stage = stage();
    let shop = stage.fixture.shop;
    let again = |slug: Option<&'static str>| {
        let new = ClipEdit {
            title: Some("Glaze day".into()),
            slug: slug.map(str::to_owned),
            ..ClipEdit::default()
        };
        stage.fixture.write(move |tx| {
            let id = tx.id();
            create(tx, shop, "en", id, &new)
        })
    };
    assert!(matches!(again(None), CreateClip::Created(clip) if clip.slug == "glaze-day-2"));
    assert!(matches!(again(None), CreateClip::Created(clip) if clip.slug == "glaze-day-3"));
    assert_eq!(again(Some("glaze-day")), CreateClip::SlugTaken);
}
