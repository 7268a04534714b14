"""Every layout a user may have is understood, every kind of mistake in it is named, and nothing is guessed."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from carpal.errors import DatasetError, UnreadableRadiograph
from carpal.training.datasets import SQUEEZED_ASPECT, Dataset, load_radiograph, parse_sex, read_dataset


def put_image(path: Path, shape: tuple[int, int] = (40, 34), seed: int | None = None) -> Path:
    """A small grey image; by default no two names give the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()) if seed is None else seed)
    assert cv2.imwrite(str(path), rng.integers(0, 256, shape, dtype=np.uint8))
    return path


def put_table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def facts(dataset: Dataset) -> list[tuple[str, float, str]]:
    return [(s.id, s.age_months, s.sex) for s in dataset.samples]


def kinds(dataset: Dataset) -> list[str]:
    return [problem.kind for problem in dataset.problems]


TRAINING = "id,boneage,male\n1377,180,False\n1378,12,True\n"


# --------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    "folder", ["boneage-training-dataset", "boneage-training-dataset/boneage-training-dataset", "."]
)
def test_rsna_training_set_also_with_the_nested_folder_of_the_download(tmp_path: Path, folder: str) -> None:
    put_table(tmp_path / "boneage-training-dataset.csv", TRAINING)
    for name in ("1377.png", "1378.png"):
        put_image(tmp_path / folder / name)
    dataset = read_dataset(tmp_path)
    assert facts(dataset) == [("1377", 180.0, "F"), ("1378", 12.0, "M")]
    assert dataset.problems == () and len(dataset) == 2 and dataset.ids == ["1377", "1378"]
    assert all(s.group == "" and s.aspect is None for s in dataset.samples)


def test_kaggle_download_whose_test_table_has_no_ages_beside_it(tmp_path: Path) -> None:
    put_table(tmp_path / "boneage-training-dataset.csv", TRAINING)
    put_table(tmp_path / "boneage-test-dataset.csv", "Case ID,Sex\n4360,M\n")
    for name in ("1377", "1378"):
        put_image(tmp_path / "boneage-training-dataset" / f"{name}.png")
    put_image(tmp_path / "boneage-test-dataset" / "4360.png")
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 2
    assert [(p.kind, p.where) for p in dataset.problems] == [("no-row", "4360.png")]


def test_rsna_validation_set_with_its_two_folders(tmp_path: Path) -> None:
    put_table(
        tmp_path / "Validation Dataset.csv",
        "﻿Image ID,male,Bone Age (months)\r\n1386,TRUE,30\r\n1392,FALSE,162.5\r\n",
    )
    put_image(tmp_path / "boneage-validation-dataset-1" / "1386.png")
    put_image(tmp_path / "boneage-validation-dataset-2" / "1392.png")
    put_image(tmp_path / "__MACOSX" / "boneage-validation-dataset-1" / "1386.png")
    dataset = read_dataset(tmp_path)
    assert facts(dataset) == [("1386", 30.0, "M"), ("1392", 162.5, "F")]
    assert dataset.problems == ()


def test_rsna_test_set_as_csv(tmp_path: Path) -> None:
    put_table(tmp_path / "Bone age ground truth.csv", "Case ID,Sex,Ground truth bone age (months)\n4360,M,168.93\n")
    put_image(tmp_path / "images" / "4360.png")
    assert facts(read_dataset(tmp_path)) == [("4360", 168.93, "M")]


def test_rsna_test_set_as_xlsx(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="XLSX tables need the train extra")
    book = openpyxl.Workbook()
    for row in [("Case ID", "Sex", "Ground truth bone age (months)"), (4360, "M", 168.93), (4361.0, "F", 150), (None,)]:
        book.active.append(row)
    book.save(tmp_path / "truth.xlsx")
    (tmp_path / "~$truth.xlsx").write_bytes(b"the lock file of a spreadsheet")
    for name in ("4360", "4361"):
        put_image(tmp_path / "images" / f"{name}.png")
    dataset = read_dataset(tmp_path)
    assert facts(dataset) == [("4360", 168.93, "M"), ("4361", 150.0, "F")] and dataset.problems == ()


def test_a_damaged_xlsx_table_is_refused_by_name_but_does_not_hide_a_good_csv(tmp_path: Path) -> None:
    (tmp_path / "truth.xlsx").write_bytes(b"no zip archive")
    with pytest.raises(DatasetError, match=r"truth\.xlsx"):
        read_dataset(tmp_path)
    put_table(tmp_path / "labels.csv", TRAINING)
    put_image(tmp_path / "1377.png")
    assert dataset_ids(tmp_path) == ["1377"]


def dataset_ids(root: Path) -> list[str]:
    return read_dataset(root).ids


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Labels beside highres/ and lowres/: 1 and 2 in both, 3 as a thumbnail only."""
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,10,True\n2,20,False\n3,30,True\n")
    for name in "12":
        put_image(tmp_path / "highres" / f"{name}.jpg", (60, 44))
    for name in "123":
        put_image(tmp_path / "lowres" / f"{name}.png", (50, 50))
    return tmp_path


def test_copies_of_a_radiograph_in_two_folders_share_an_id(copies: Path) -> None:
    dataset = read_dataset(copies)
    assert [(s.id, s.group) for s in dataset.samples] == [
        ("1", "highres"), ("1", "lowres"), ("2", "highres"), ("2", "lowres"), ("3", "lowres"),
    ]  # fmt: skip
    assert dataset.ids == ["1", "2", "3"] and dataset.problems == ()
    assert [s.group for s in dataset.only(["1", "3"]).samples] == ["highres", "lowres", "lowres"]
    assert [s.id for s in dataset.only(["1", "3"], ["lowres"]).samples] == ["1", "3"]


def test_a_part_of_the_groups_may_be_read_and_an_unknown_group_is_refused(copies: Path) -> None:
    highres = read_dataset(copies, groups=["highres"])
    assert highres.ids == ["1", "2"] and highres.problems == ()
    with pytest.raises(DatasetError, match="no group midres; groups here: highres, lowres"):
        read_dataset(copies, groups=["midres"])


def test_squeezed_thumbnails_are_given_a_hand_s_shape_again(copies: Path) -> None:
    by_group = {s.group: s for s in read_dataset(copies).samples if s.id == "1"}
    assert load_radiograph(by_group["highres"]).pixels.shape == (60, 44)
    thumbnail = load_radiograph(by_group["lowres"]).pixels
    assert thumbnail.shape == (round(50 * SQUEEZED_ASPECT), 50)
    assert thumbnail.dtype == np.float32 and thumbnail.min() >= 0 and thumbnail.max() <= 1


def test_an_image_that_is_no_square_was_never_squeezed(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,10,True\n")
    put_image(tmp_path / "lowres" / "1.png", (60, 44))
    assert load_radiograph(read_dataset(tmp_path).samples[0]).pixels.shape == (60, 44)


def test_a_file_that_is_no_image_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,10,True\n")
    (tmp_path / "1.png").write_bytes(b"no image")
    with pytest.raises(UnreadableRadiograph):
        load_radiograph(read_dataset(tmp_path).samples[0])


@pytest.mark.parametrize("given", ["table", "folder"])
def test_generic_table_with_relative_paths(tmp_path: Path, given: str) -> None:
    table = put_table(
        tmp_path / "mine.csv", "Path,Age_Months,Sex\nfilms/a.png,100,girl\n./films/sub/b.PNG,101.5,male\nfilms\\c,7,F\n"
    )
    for name in ("films/a.png", "films/sub/b.PNG", "films/c.jpg", "films/unlisted.png"):
        put_image(tmp_path / name)
    dataset = read_dataset(table if given == "table" else tmp_path)
    assert facts(dataset) == [("a", 100.0, "F"), ("b", 101.5, "M"), ("c", 7.0, "F")]
    assert dataset.problems == ()  # such a table may name a part of the images


def test_bare_file_names_are_found_in_the_folder_beside_the_table(tmp_path: Path) -> None:
    put_table(tmp_path / "t.csv", "filename,age_months,sex\na.png,100,F\nb,90,M\nc.png,90,M\n")
    for name in ("a.png", "b.jpg", "c.jpg"):
        put_image(tmp_path / "films" / name)
    dataset = read_dataset(tmp_path)
    assert dataset.ids == ["a", "b"]
    assert kinds(dataset) == ["no-image"]  # c.png is not c.jpg


def test_a_table_given_by_name_finds_the_folders_beside_it(copies: Path, tmp_path: Path) -> None:
    put_table(tmp_path / "other.csv", TRAINING)
    with pytest.raises(DatasetError, match="several tables"):
        read_dataset(copies)
    assert read_dataset(copies / "labels.csv").ids == ["1", "2", "3"]


def test_an_id_column_beside_a_path_column_says_whose_radiographs_they_are(tmp_path: Path) -> None:
    put_table(tmp_path / "t.csv", "id,path,age_months,sex\nchild 1,a/1.png,100,F\nchild 1,b/1.png,112,F\n")
    put_image(tmp_path / "a" / "1.png")
    put_image(tmp_path / "b" / "1.png")
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 2 and dataset.ids == ["child 1"] and dataset.problems == ()


def test_different_children_in_files_of_one_name_get_ids_of_their_own(tmp_path: Path) -> None:
    put_table(
        tmp_path / "t.csv",
        "path,age_months,sex\np1/hand.png,100,F\np2/hand.png,90,M\nlowres/7.png,80,M\nhighres/7.png,80,M\n",
    )
    for name in ("p1/hand.png", "p2/hand.png", "lowres/7.png", "highres/7.png"):
        put_image(tmp_path / name)
    assert [s.id for s in read_dataset(tmp_path).samples] == ["p1/hand", "p2/hand", "7", "7"]


@pytest.mark.parametrize(
    "text", [TRAINING.replace(",", ";"), TRAINING.replace(",", "\t"), TRAINING.replace("\n", "\r\n")]
)
def test_spreadsheets_write_other_separators(tmp_path: Path, text: str) -> None:
    put_table(tmp_path / "labels.csv", text, "utf-8-sig")
    for name in ("1377.png", "1378.png"):
        put_image(tmp_path / name)
    assert len(read_dataset(tmp_path)) == 2


def test_a_decimal_comma_is_one(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id;boneage;male\n1;120,5;True\n")
    put_image(tmp_path / "1.png")
    assert read_dataset(tmp_path).samples[0].age_months == 120.5


@pytest.mark.parametrize(
    ("written", "file"),
    [("1377", "1377.png"), ("1377.0", "1377.png"), ("1377.png", "1377.png"), ("1377.jpg", "1377.png"),
     ("1.2.840.113619.2", "1.2.840.113619.2.dcm.png"), ("1.2.840.10.0", "1.2.840.10.0.png"), ("x.0", "x.0.jpeg")],
)  # fmt: skip
def test_ids_as_tables_write_them(tmp_path: Path, written: str, file: str) -> None:
    put_table(tmp_path / "labels.csv", f"id,boneage,male\n{written},100,True\n")
    image = put_image(tmp_path / "images" / file)
    if file.endswith(".dcm.png"):  # a DICOM file is named after its UID, whose numbers are no suffix
        image.rename(image.with_suffix(""))
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 1 and dataset.problems == ()


# --------------------------------------------------------------------------- problems


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    put_table(
        tmp_path / "labels.csv",
        "id,boneage,male\n1,100,True\n2,-3,True\n3,241,False\n4,old,False\n5,nan,True\n6,90,maybe\n7,90,\n,90,True\n"
        "8,90,True\n1,100,True\n1,101,True\n\n9,240,False\n10,0,False\n11\n12,1e400,True\n13,1_12,True\n",
    )
    for name in ("1", "2", "9", "10", "99"):
        put_image(tmp_path / "images" / f"{name}.png")
    return tmp_path


def test_each_kind_of_problem_is_named_with_its_line_and_the_rest_is_used(flawed: Path) -> None:
    dataset = read_dataset(flawed)
    assert facts(dataset) == [("1", 100.0, "M"), ("9", 240.0, "F"), ("10", 0.0, "F")]
    found = {(p.kind, p.where.replace("labels.csv line ", "")) for p in dataset.problems}
    assert found == {
        ("impossible-age", "3"), ("impossible-age", "4"), ("impossible-age", "5"), ("impossible-age", "6"),
        ("no-sex", "7"), ("no-sex", "8"), ("no-id", "9"), ("no-image", "10"),
        ("duplicate-row", "11"), ("duplicate-row", "12"), ("impossible-age", "16"), ("impossible-age", "17"),
        ("impossible-age", "18"),
        ("no-row", "2.png"), ("no-row", "99.png"),
    }  # fmt: skip


def test_a_second_row_that_says_otherwise_is_told_apart_from_a_repeated_one(flawed: Path) -> None:
    same, other = (p.message for p in read_dataset(flawed).problems if p.kind == "duplicate-row")
    assert "first as" not in same
    assert "first as 100 months M, here 101 M" in other


@pytest.mark.parametrize("second", ["hands/a.png", "a"])
def test_one_image_that_two_rows_name_in_their_own_ways_is_one_radiograph(tmp_path: Path, second: str) -> None:
    put_image(tmp_path / "hands" / "a.png")
    (tmp_path / "labels.csv").write_text(f"path,age_months,sex\na.png,100,F\n{second},120,M\n")
    dataset = read_dataset(tmp_path)
    assert [(s.age_months, s.sex) for s in dataset.samples] == [(100.0, "F")]
    assert [(p.kind, p.where) for p in dataset.problems] == [("duplicate-row", "labels.csv line 3")]
    assert "first as 100 months F, here 120 M" in dataset.problems[0].message


def test_two_files_of_one_name_are_a_problem_and_the_first_folder_wins(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,100,True\n2,100,True\n")
    for name in ("a/1.png", "b/1.png", "a/2.png", "a/2.jpg"):
        put_image(tmp_path / name)
    dataset = read_dataset(tmp_path)
    assert [str(s.path.relative_to(tmp_path)) for s in dataset.samples] == ["a/1.png", "a/2.jpg"]
    assert sorted((p.kind, p.where, p.message.split(":")[0]) for p in dataset.problems) == [
        ("duplicate-file", "1.png", "b/1.png is left out"),
        ("duplicate-file", "2.png", "a/2.png is left out"),
    ]


def test_the_same_picture_under_two_ids_is_found_on_request(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,100,True\n2,120,True\n3,100,True\n")
    for name in "123":
        put_image(tmp_path / f"{name}.png", seed=0 if name != "3" else 1)
    assert read_dataset(tmp_path).problems == ()
    (problem,) = read_dataset(tmp_path, check_content=True).problems
    assert (problem.kind, problem.where) == ("duplicate-image", "2.png")
    assert problem.message == "the same picture as 1.png, with another age or sex"


def test_ages_that_look_like_years_are_pointed_out(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k}.5,F\n" for k in range(3, 12))
    for name in range(3, 12):
        put_image(tmp_path / f"{name}.png")
    table = put_table(tmp_path / "labels.csv", f"id,age,sex\n{rows}")
    assert kinds(read_dataset(tmp_path)) == ["ages-in-years"]
    put_table(table, f"id,age_months,sex\n{rows}")  # the column says what they are
    assert kinds(read_dataset(tmp_path)) == []


def test_problems_of_rows_are_told_in_the_refusal_where_nothing_is_left(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,sex\n1,100,0\n2,100,1\n")
    put_image(tmp_path / "1.png")
    with pytest.raises(DatasetError, match=r"no usable radiograph in common.*'0' in column 'sex' is no sex"):
        read_dataset(tmp_path)


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "content",
    [
        b"", b"id,boneage\n1,100\n", b"\x00\x01\x02", "id,boneage,male\n1,100,Tr\xfce\n".encode("latin-1"),
        "id,boneage,male\n1,1,True\n".encode("utf-16"), b'id,boneage,male\n"1,100,True' + b"x" * 200_000,
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    for root in (tmp_path, tmp_path / "labels.csv"):
        with pytest.raises(DatasetError) as refusal:
            read_dataset(root)
        assert "\n" not in str(refusal.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder or table"):
        read_dataset(tmp_path / "nowhere")


def test_a_cell_too_long_for_a_file_name_is_a_row_without_image(tmp_path: Path) -> None:
    put_table(tmp_path / "t.csv", f"path,age_months,sex\n{'x' * 5000}.png,100,F\na.png,100,F\n")
    put_image(tmp_path / "a.png")
    assert kinds(read_dataset(tmp_path)) == ["no-image"]


# --------------------------------------------------------------------------- digest and sex


def test_the_digest_follows_the_labels_and_files_but_not_the_order_of_the_table(tmp_path: Path) -> None:
    table = put_table(tmp_path / "labels.csv", TRAINING)
    for name in ("1377.png", "1378.png"):
        put_image(tmp_path / name)
    first = read_dataset(tmp_path).digest()
    head, one, two, _ = TRAINING.split("\n")
    put_table(table, "\n".join([head, two, one]))
    assert read_dataset(tmp_path).digest() == first
    put_table(table, TRAINING.replace("180", "181"))
    assert read_dataset(tmp_path).digest() != first
    put_table(table, TRAINING)
    put_image(tmp_path / "1378.png", (50, 50))
    assert read_dataset(tmp_path).digest() != first


@pytest.mark.parametrize(
    ("text", "column", "sex"),
    [("M", "sex", "M"), (" Female ", "sex", "F"), ("boy", "gender", "M"), ("1", "sex", None), ("", "sex", None),
     ("True", "male", "M"), ("FALSE", "male", "F"), ("1", "male", "M"), ("0.0", "male", "F"), ("f", "male", "F"),
     ("unknown", "male", None), ("female", "male", None)],
)  # fmt: skip
def test_sex_is_read_as_written_and_never_guessed(text: str, column: str, sex: str | None) -> None:
    assert parse_sex(text, column) == sex


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_problem_of_the_content_check(tmp_path: Path) -> None:
    put_table(tmp_path / "labels.csv", "id,boneage,male\n1,100,True\n")
    put_image(tmp_path / "1.png").chmod(0)
    assert kinds(read_dataset(tmp_path, check_content=True)) == ["unreadable"]


# --------------------------------------------------------------------------- the real one


def test_the_shared_rsna_set_has_no_problems(shared: Path) -> None:
    dataset = read_dataset(shared / "rsna")
    assert (len(dataset), len(dataset.ids), dataset.problems) == (13_297, 12_311, ())
    assert sum(s.group == "highres" for s in dataset.samples) == 986
    assert dataset.digest().startswith("0f8e836335627f1b")


def test_the_shape_given_to_thumbnails_is_the_median_of_the_radiographs_whose_shape_is_known(shared: Path) -> None:
    from PIL import Image

    aspects = []
    for path in sorted((shared / "rsna" / "highres").glob("*.jpg")):
        with Image.open(path) as image:
            aspects.append(image.height / image.width)
    assert np.median(aspects) == pytest.approx(SQUEEZED_ASPECT, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,age_months,sex,sex\na.png,46,F,M\n", "two columns are called sex"),
        ("path,boneage,BoneAge,sex\na.png,46,100,F\n", "two columns are called boneage"),
        ("path,age_months,sex,male\na.png,46,F,True\n", "which of the columns sex and male counts"),
        ("path,age_months,bone_age,sex\na.png,46,100,F\n", "which of the columns age_months and bone_age counts"),
        ("path,bone_age,sex\na.png,46,F,M\n", "line 2: more cells than the header"),
        ('path,bone_age,sex,note\na.png,46,F,"left\nb.png,47,F,x\n', r"line 2: .* is a quotation mark left open"),
    ],
)
def test_which_of_two_columns_is_meant_is_not_guessed(tmp_path: Path, text: str, message: str) -> None:
    put_image(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=message):
        read_dataset(put_table(tmp_path / "hands.csv", text))


def test_a_childs_age_may_stand_beside_the_bone_age(tmp_path: Path) -> None:
    put_image(tmp_path / "a.png")
    table = put_table(tmp_path / "hands.csv", "path,age,bone_age_months,sex,\na.png,46,100,F,\n")
    assert facts(read_dataset(table)) == [("a", 100.0, "F")]
