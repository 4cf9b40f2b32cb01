// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/subset.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class Subset : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(folder_ / "labels");
    // On purpose not in alphabetical order.
    write("labels/labels.json",
          R"({"Putting something":"0","Moving something up":"1",)"
          R"("Closing something":"2"})");
    write("labels/train.json", R"([
      {"id":"11","template":"Putting [something]"},
      {"id":"12","template":"Moving [something] up"}])");
    // Other ids of the labels, other order of the keys, a label of their own.
    write("base.json", R"([
      {"placeholders":["a cup"],"template":"Moving [something] up",
       "label":"moving a cup up","id":12,"label_id":76},
      {"placeholders":["a box"],"template":"Closing [something]",
       "label":"closing a box","id":"40"}])");
    write("novel.json", R"([
      {"id":"40","template":"Closing [something]","placeholders":[]}])");
  }

  void write(std::string const& name, std::string const& text) const {
    std::ofstream(folder_ / name) << text;
  }
  SubsetSource base() const { return {"train", folder_ / "base.json"}; }
  SubsetSource novel() const { return {"validation", folder_ / "novel.json"}; }

  Result<AnnotationSubset> make(std::vector<SubsetSource> const& sources,
                                SubsetOptions const& options = {}) const {
    return make_subset(folder_ / "labels", sources, options);
  }
  std::string error_of(std::string const& records,
                       SubsetOptions const& options = {}) const {
    write("bad.json", records);
    auto const made = make({{"train", folder_ / "bad.json"}}, options);
    return made ? "it worked" : made.error().what();
  }

  TempFolder folder_;
};

TEST_F(Subset, JoinsOnTheTemplate) {
  auto const subset = value_or_throw(make({base(), novel()}));
  EXPECT_THAT(subset.classes,
              ElementsAre("Putting something", "Moving something up",
                          "Closing something"));
  ASSERT_EQ(subset.splits.size(), 2U);
  auto const& train = subset.splits[0];
  ASSERT_EQ(train.joined.records.size(), 2U);
  EXPECT_EQ(train.joined.records[0].id, "12");
  EXPECT_EQ(train.joined.records[0].label, 1);
  EXPECT_EQ(train.joined.records[1].label, 2);
  EXPECT_THAT(train.unknown, IsEmpty());
  EXPECT_EQ(train.num_known_ids, 1);
  EXPECT_TRUE(subset.has_official_ids);
  EXPECT_EQ(subset.num_shared_ids, 1);
}

TEST_F(Subset, UsedClassesAreNumberedAlphabetically) {
  SubsetOptions options;
  options.classes = SubsetClasses::used;
  auto const subset = value_or_throw(make({base(), novel()}, options));
  EXPECT_THAT(subset.classes,
              ElementsAre("Closing something", "Moving something up"));
  EXPECT_EQ(subset.splits[0].joined.records[0].label, 1);
  EXPECT_EQ(subset.splits[0].joined.records[1].label, 0);
  EXPECT_EQ(subset.splits[1].joined.records[0].label, 0);
}

TEST_F(Subset, WritesTheOfficialFormat) {
  SubsetOptions options;
  options.classes = SubsetClasses::used;
  auto const out = folder_ / "out";
  value_or_throw(
      write_subset(value_or_throw(make({base(), novel()}, options)), out));
  EXPECT_EQ(value_or_throw(read_text(out / "labels.json")),
            "{\n\"Closing something\":\"0\",\n"
            "\"Moving something up\":\"1\"\n}\n");
  EXPECT_EQ(value_or_throw(read_text(out / "train.json")),
            R"([
{"id":"12","label":"moving a cup up","template":"Moving [something] up","placeholders":["a cup"]},
{"id":"40","label":"closing a box","template":"Closing [something]","placeholders":["a box"]}
]
)");
  EXPECT_THAT(value_or_throw(list_splits(out)),
              ElementsAre("train", "validation"));
  auto const read = value_or_throw(load_split(out, "train"));
  EXPECT_EQ(read.records[0].label, 1);
}

TEST_F(Subset, UnknownTemplates) {
  std::string const records = R"([
    {"id":"1","template":"Moving [something] upp"},
    {"id":"2","template":"Moving [something] upp"},
    {"id":"3","template":"Closing [something]"},
    {"id":"4","template":"Juggling [number of] cats"}])";
  EXPECT_THAT(error_of(records),
              AllOf(HasSubstr("bad.json: 2 templates are no class"),
                    HasSubstr("'Juggling number of cats' (1 records)"),
                    HasSubstr("'Moving something upp' (2 records, the nearest "
                              "class is Moving something up)"),
                    HasSubstr("--allow-unknown")));
  SubsetOptions options;
  options.unknown = UnknownTemplates::skip;
  auto const subset =
      value_or_throw(make({{"train", folder_ / "bad.json"}}, options));
  EXPECT_EQ(subset.splits[0].joined.records.size(), 1U);
  EXPECT_THAT(subset.splits[0].unknown,
              ElementsAre(Pair("Juggling number of cats", 1),
                          Pair("Moving something upp", 2)));
}

TEST_F(Subset, BadInput) {
  EXPECT_THAT(error_of(R"([{"id":"11","template":"Closing [something]"}])"),
              AllOf(HasSubstr("record 1 (id 11) is 'Closing something'"),
                    HasSubstr("call this id 'Putting something'")));
  EXPECT_THAT(error_of(R"([{"id":"5"}])"),
              HasSubstr("record 1 (id 5) has no 'template'"));
  EXPECT_THAT(error_of("[]"), HasSubstr("holds no record"));
  EXPECT_THAT(error_of("{}"), HasSubstr("must be an array"));
  EXPECT_THAT(error_of(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(R"([{"id":"5","template":"Closing [something]"},
                           {"id":"5","template":"Closing [something]"}])"),
              HasSubstr("repeats the id of record 1"));
  SubsetOptions options;
  options.unknown = UnknownTemplates::skip;
  EXPECT_THAT(error_of(R"([{"id":"5","template":"Flying"}])", options),
              HasSubstr("no record has a template that is a class"));
}

TEST_F(Subset, ALabelsFolderWithoutSplitsKnowsNoIds) {
  fs::remove(folder_ / "labels/train.json");
  auto const subset = value_or_throw(make({base()}));
  EXPECT_FALSE(subset.has_official_ids);
  EXPECT_EQ(subset.splits[0].num_known_ids, 0);
}

TEST_F(Subset, OutputAppearsWholeOrNotAtAll) {
  auto const subset = value_or_throw(make({base()}));
  write("labels/mine.txt", "keep");
  auto const refused = write_subset(subset, folder_ / "labels");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("not empty"));
  set_write_fault(2, ENOSPC);
  auto const full = write_subset(subset, folder_ / "out/");
  set_write_fault(-1, 0);
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().what(), HasSubstr("No space left"));
  for (auto const& entry : fs::directory_iterator(folder_.path()))
    EXPECT_THAT(entry.path().filename().string(),
                testing::Not(HasSubstr("out")));
  value_or_throw(write_subset(subset, folder_ / "out/"));
  EXPECT_TRUE(fs::exists(folder_ / "out/labels.json"));
}

}  // namespace
}  // namespace gasm
