// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/annotations.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Annotations : public testing::Test {
 protected:
  void SetUp() override {
    write("labels.json", R"({
  "Bending something so that it deforms": "1",
  "Doesn't matter, (really) something": "2",
  "Approaching something with your camera": "0"
})");
    write("train.json", R"([
  {"id": "78687", "label": "bending a pen so that it deforms",
   "template": "Bending [something] so that it deforms",
   "placeholders": ["a pen"]},
  {"placeholders": [], "template": "Doesn't matter, (really) [something]",
   "label": "doesn't matter", "id": "3"},
  {"id": "12", "label": "approaching a caf\u00e9 with your camera",
   "template": "Approaching [something] with your camera",
   "placeholders": ["a caf\u00e9"]}
])");
  }

  void write(std::string const& name, std::string const& text) {
    std::ofstream(folder_ / name) << text;
  }

  std::string read(std::string const& name) {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void replace(std::string const& name, std::string const& from,
               std::string const& to) {
    auto text = read(name);
    auto const at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write(name, text.replace(at, from.size(), to));
  }

  std::string labels_error() {
    auto const labels = load_labels(folder_.path());
    return labels ? "it loaded" : labels.error().what();
  }

  std::string split_error(std::string const& split = "train") {
    auto const loaded = load_split(folder_.path(), split);
    return loaded ? "it loaded" : loaded.error().what();
  }

  TempFolder folder_;
};

TEST_F(Annotations, LoadsASplit) {
  auto const split = value_or_throw(load_split(folder_.path(), "train"));
  EXPECT_EQ(split.split, "train");
  EXPECT_THAT(split.classes,
              ElementsAre("Approaching something with your camera",
                          "Bending something so that it deforms",
                          "Doesn't matter, (really) something"));
  ASSERT_EQ(split.records.size(), 3U);
  EXPECT_EQ(split.records[0].id, "78687");
  EXPECT_EQ(split.records[0].label, 1);
  EXPECT_EQ(split.records[0].text, "bending a pen so that it deforms");
  EXPECT_EQ(split.records[0].template_text,
            "Bending [something] so that it deforms");
  EXPECT_THAT(split.records[0].placeholders, ElementsAre("a pen"));
  EXPECT_EQ(split.records[1].id, "3");
  EXPECT_EQ(split.records[1].label, 2);
  EXPECT_EQ(split.records[2].label, 0);
  EXPECT_THAT(split.records[2].placeholders, ElementsAre("a caf\u00e9"));
}

TEST_F(Annotations, TakesTheLongFileNames) {
  for (std::string const name : {"labels.json", "train.json"})
    std::filesystem::rename(folder_ / name,
                            folder_ / ("something-something-v2-" + name));
  auto const split = value_or_throw(load_split(folder_.path(), "train"));
  EXPECT_EQ(split.records[0].label, 1);
  EXPECT_THAT(value_or_throw(list_splits(folder_.path())),
              ElementsAre("train"));
}

TEST_F(Annotations, TakesNumbersAsLabels) {
  replace("labels.json", "\"1\"", "1");
  EXPECT_EQ(
      value_or_throw(load_split(folder_.path(), "train")).records[0].label, 1);
}

TEST_F(Annotations, TakesNumbersAsIds) {
  replace("train.json", "\"78687\"", "78687");
  auto const split = value_or_throw(load_split(folder_.path(), "train"));
  EXPECT_EQ(split.records[0].id, "78687");
  EXPECT_EQ(split.records[0].label, 1);
  replace("train.json", "\"3\"", "78687");
  EXPECT_THAT(split_error(),
              HasSubstr("(id 78687) repeats the id of record 1"));
}

TEST_F(Annotations, TakesFilesThatBeginWithAByteOrderMark) {
  std::string const mark = "\xEF\xBB\xBF";
  for (std::string const name : {"labels.json", "train.json"})
    write(name, mark + read(name));
  write("test.json", mark + R"([{"id": "5"}])");
  write("test-answers.csv", mark + "5;Bending something so that it deforms\n");
  EXPECT_THAT(value_or_throw(list_splits(folder_.path())),
              ElementsAre("test", "train"));
  EXPECT_EQ(
      value_or_throw(load_split(folder_.path(), "train")).records[0].label, 1);
  EXPECT_EQ(value_or_throw(load_split(folder_.path(), "test")).records[0].label,
            1);
}

TEST_F(Annotations, DamagedSplitsAreListed) {
  write("validation.json", "");
  write("cut.json", "\"id\": \"5\"}]");
  write("blank.json", " \n");
  // What is an object, or not for people's eyes, is no split.
  write("manifest.json", "\n {\"videos\": []}");
  write("marked.json", "\xEF\xBB\xBF{}");
  write("._train.json", std::string("\0\5\26\7", 4));
  EXPECT_THAT(value_or_throw(list_splits(folder_.path())),
              ElementsAre("blank", "cut", "train", "validation"));
  EXPECT_THAT(split_error("validation"), AllOf(HasSubstr("validation.json:1:1"),
                                               HasSubstr("not valid JSON")));
}

TEST_F(Annotations, TestSplitGetsItsClassesFromTheAnswers) {
  write("test.json", R"([{"id": "5"}, {"id": "1"}])");
  auto split = value_or_throw(load_split(folder_.path(), "test"));
  EXPECT_EQ(split.records[0].label, -1);
  EXPECT_EQ(split.records[1].label, -1);

  write("test-answers.csv",
        "1;Doesn't matter, (really) something\r\n"
        "5;Bending something so that it deforms\n");
  split = value_or_throw(load_split(folder_.path(), "test"));
  EXPECT_EQ(split.records[0].label, 1);
  EXPECT_EQ(split.records[1].label, 2);
  EXPECT_THAT(value_or_throw(list_splits(folder_.path())),
              ElementsAre("test", "train"));
}

TEST_F(Annotations, BadAnswers) {
  write("test.json", R"([{"id": "5"}, {"id": "1"}])");
  auto const why = [&](std::string const& text) {
    write("test-answers.csv", text);
    return split_error("test");
  };
  std::string const good = "5;Bending something so that it deforms\n";
  EXPECT_THAT(why(good), AllOf(HasSubstr("test-answers.csv"),
                               HasSubstr("no answer for id 1")));
  EXPECT_THAT(why(good + good), HasSubstr(":2: a second answer for id 5"));
  EXPECT_THAT(why("7;Bending something so that it deforms\n"),
              HasSubstr(":1: the split 'test' has no record with id 7"));
  EXPECT_THAT(why(good + "\n1;Bending something so that it deform\n"),
              AllOf(HasSubstr(":3: 'Bending something so that it deform'"),
                    HasSubstr("Did you mean 'Bending something so that it "
                              "deforms'?")));
  EXPECT_THAT(why("1,Bending"), HasSubstr("is not 'id;class name'"));
}

TEST_F(Annotations, TemplateThatIsNoClass) {
  replace("train.json", "\"Bending [something]", "\"Bendin [something]");
  EXPECT_THAT(split_error(),
              AllOf(HasSubstr("train.json: record 1 (id 78687)"),
                    HasSubstr("'Bendin something so that it deforms' is no "
                              "class of labels.json"),
                    HasSubstr("Did you mean 'Bending something so that it "
                              "deforms'?")));
}

TEST_F(Annotations, ClassesAreCaseSensitive) {
  replace("train.json", "\"Bending [something]", "\"bending [something]");
  EXPECT_THAT(split_error(), HasSubstr("is no class of labels.json"));
}

TEST_F(Annotations, RepeatedId) {
  replace("train.json", "\"12\"", "\"78687\"");
  EXPECT_THAT(split_error(), HasSubstr("record 3 (id 78687) repeats the id of "
                                       "record 1"));
}

TEST_F(Annotations, MalformedJsonTellsWhere) {
  write("labels.json", "{\n  \"A something\": \"0\",\n  \"B\" \"1\"\n}");
  EXPECT_THAT(labels_error(),
              AllOf(HasSubstr("labels.json:3:"), HasSubstr("not valid JSON")));
  write("labels.json", "{\"A something\": \"0\"");
  EXPECT_THAT(labels_error(), HasSubstr("labels.json:1:"));
  write("labels.json", "");
  EXPECT_THAT(labels_error(), HasSubstr("not valid JSON"));
}

TEST_F(Annotations, LabelsMustBeZeroToKMinusOne) {
  replace("labels.json", "\"2\"", "\"3\"");
  EXPECT_THAT(labels_error(),
              AllOf(HasSubstr("'Doesn't matter, (really) something' has label "
                              "3"),
                    HasSubstr("3 classes have labels 0 to 2")));
  replace("labels.json", "\"3\"", "\"1\"");
  EXPECT_THAT(labels_error(), HasSubstr("both have label 1"));
  replace("labels.json", ": \"1\"", ": \"one\"");
  EXPECT_THAT(labels_error(), HasSubstr("must be a number"));
  replace("labels.json", "\"one\"", "-1");
  EXPECT_THAT(labels_error(), HasSubstr("has label -1"));
  replace("labels.json", "-1", "[1]");
  EXPECT_THAT(labels_error(), HasSubstr("is an array"));
}

TEST_F(Annotations, WrongTypes) {
  write("labels.json", "[]");
  EXPECT_THAT(labels_error(), HasSubstr("holds an array (must be an object"));
  write("labels.json", "{}");
  EXPECT_THAT(labels_error(), HasSubstr("holds no class"));
  write("labels.json", R"({"A": "0"})");
  auto const why = [&](std::string const& text) {
    write("train.json", text);
    return split_error();
  };
  EXPECT_THAT(why("{}"), HasSubstr("holds an object (must be an array"));
  EXPECT_THAT(why("[]"), HasSubstr("holds no record"));
  EXPECT_THAT(why("[7]"), HasSubstr("record 1 is a number"));
  EXPECT_THAT(why(R"([{"id": 7.5, "template": "A"}])"),
              HasSubstr("record 1: 'id' is a number (must be a string)"));
  EXPECT_THAT(why(R"([{"id": 7, "template": 8}])"),
              HasSubstr("record 1 (id 7): 'template' is a number"));
  EXPECT_THAT(why(R"([{"template": "A"}])"), HasSubstr("there is no 'id'"));
  EXPECT_THAT(why(R"([{"id": "7", "template": null}])"),
              HasSubstr("record 1 (id 7): 'template' is null"));
  EXPECT_THAT(why(R"([{"id": "7", "template": "A", "placeholders": [1]}])"),
              HasSubstr("'placeholders' must be an array of strings"));
  EXPECT_THAT(why(R"([{"id": "7", "template": "A"}, {"id": "8"}])"),
              HasSubstr("record 2 (id 8) has no 'template'"));
  EXPECT_THAT(why(R"([{"id": "../../etc/passwd", "template": "A"}])"),
              HasSubstr("cannot be a file name"));
}

TEST_F(Annotations, MissingFiles) {
  EXPECT_THAT(split_error("validation"),
              AllOf(HasSubstr(folder_.path().string()),
                    HasSubstr("holds neither validation.json nor "
                              "something-something-v2-validation.json")));
  std::filesystem::remove(folder_ / "labels.json");
  EXPECT_THAT(split_error(), HasSubstr("neither labels.json"));
  std::filesystem::remove(folder_ / "train.json");
  EXPECT_FALSE(list_splits(folder_.path()).has_value());
  EXPECT_FALSE(list_splits(folder_ / "nowhere").has_value());
}

TEST(WithoutBrackets, RemovesBracketsOnly) {
  EXPECT_EQ(without_brackets("Putting [number of] [something] (gently)"),
            "Putting number of something (gently)");
}

}  // namespace
}  // namespace gasm
