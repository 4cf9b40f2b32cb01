// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/data/verify.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> const ids = {"1", "2", "3", "4", "5"};

/// Videos 1 to 4 are good and 5 is empty.
class VerifyJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = shared_temp_folder();
    on_root([&] {
      fs::create_directory(videos());
      output_of(
          "ffmpeg -v error -nostdin -y -f lavfi -i testsrc=size=64x48:rate=12 "
          "-frames:v 5 -c:v libvpx-vp9 -pix_fmt yuv420p -b:v 0 -crf 40 "
          "-deadline realtime -cpu-used 8 -threads 1 " +
          file("1").string());
      for (auto const* id : {"2", "3", "4"}) fs::copy_file(file("1"), file(id));
      std::ofstream(file("5")).close();
    });
  }

  template <class Body>
  static void on_root(Body const& body) {
    test_world().barrier();
    if (test_world().is_root()) body();
    test_world().barrier();
  }

  fs::path videos() const { return root_ / "videos"; }
  fs::path journal() const { return root_ / "manifest.json.journal"; }
  fs::path file(std::string const& id) const {
    return videos() / (id + ".webm");
  }

  VerifyReport verify(JournalUse use = JournalUse::go_on) const {
    VerifyOptions options;
    options.journal = journal();
    options.journal_use = use;
    return verify_videos(test_world(), videos(), ids, options);
  }

  /// Other bytes under the same size; the time of change stays if `is_hidden`.
  void spoil(std::string const& id, bool is_hidden) const {
    auto const time = fs::last_write_time(file(id));
    auto const size = fs::file_size(file(id));
    std::ofstream(file(id), std::ios::binary) << std::string(size, 'x');
    fs::last_write_time(file(id),
                        is_hidden ? time : time + std::chrono::seconds(2));
  }

  static std::vector<std::string> bad(VerifyReport const& report) {
    std::vector<std::string> names;
    for (auto const& video : report.videos)
      if (video.error) names.push_back(video.id);
    return names;
  }

  fs::path root_;
};

TEST_F(VerifyJournalTest, GoodVideosAreNotReadAgain) {
  auto const first = verify();
  EXPECT_EQ(first.num_taken_over, 0);
  EXPECT_THAT(bad(first), ElementsAre("5"));
  // A change that nothing but reading would notice: 2 was not read.
  on_root([&] { spoil("2", true); });
  auto const second = verify();
  EXPECT_EQ(second.num_taken_over, 4);
  EXPECT_EQ(manifest_json(second), manifest_json(first));
}

TEST_F(VerifyJournalTest, ChangedAndBadVideosAreReadAgain) {
  verify();
  on_root([&] {
    spoil("2", false);
    fs::remove(file("3"));
    fs::remove(file("5"));
    fs::copy_file(file("1"), file("5"));
  });
  auto const report = verify();
  EXPECT_EQ(report.num_taken_over, 2);
  EXPECT_THAT(bad(report), ElementsAre("2", "3"));
}

TEST_F(VerifyJournalTest, StartsAnewIfAsked) {
  verify();
  on_root([&] { spoil("2", true); });
  auto const report = verify(JournalUse::start_anew);
  EXPECT_EQ(report.num_taken_over, 0);
  EXPECT_THAT(bad(report), ElementsAre("2", "5"));
  // What was known before is gone for good.
  EXPECT_EQ(verify().num_taken_over, 3);
}

TEST_F(VerifyJournalTest, FilesOfAnInterruptedRunAreUsedAsFarAsTheyGo) {
  verify();
  std::string whole;
  on_root([&] {
    for (auto const& entry : fs::directory_iterator(journal()))
      if (entry.path().extension() == ".jsonl") {
        whole += value_or_throw(read_text(entry.path()));
        fs::remove(entry.path());
      }
    // As left by one rank: the header, one video, one line cut in half.
    auto const header_end = whole.find('\n') + 1;
    auto const line_end = whole.find('\n', header_end) + 1;
    std::ofstream(journal() / "run-7-rank-3.jsonl")
        << whole.substr(0, line_end) << R"({"id":"2","file":"2.we)";
    std::ofstream(journal() / "run-8-rank-0.jsonl")
        << R"({"schema":"gasm.verify-journal","version":99})"
        << "\nnot read\n";
  });
  EXPECT_EQ(verify().num_taken_over, 1);
  EXPECT_TRUE(fs::exists(journal() / "run-9-rank-0.jsonl"));
}

TEST_F(VerifyJournalTest, AnotherFolderOfVideosIsNotBelieved) {
  verify();
  on_root([&] { fs::rename(videos(), root_ / "moved"); });
  VerifyOptions options;
  options.journal = journal();
  auto const report =
      verify_videos(test_world(), root_ / "moved", ids, options);
  EXPECT_EQ(report.num_taken_over, 0);
}

/// Videos 1 to 4 one behind the other in one file, as in a spool.
TEST_F(VerifyJournalTest, SlicesHoldWhileTheirFileIsUntouched) {
  auto const all = root_ / "all.bin";
  on_root([&] {
    std::ofstream out(all, std::ios::binary);
    for (int i = 0; i < 4; ++i) out << value_or_throw(read_text(file("1")));
  });
  auto const size = fs::file_size(file("1"));
  VideoSource source;
  source.containers = {all};
  for (std::uint64_t i = 0; i < 4; ++i)
    source.places[ids[i]] = {
        {ids[i] + ".webm", 0, VideoSlice{i * size, size, {}}}};
  auto const verify_slices = [&] {
    VerifyOptions options;
    options.journal = journal();
    return verify_videos(test_world(), source, ids, options);
  };
  auto const first = verify_slices();
  EXPECT_EQ(first.num_taken_over, 0);
  EXPECT_THAT(first.missing, ElementsAre("5"));
  EXPECT_THAT(bad(first), ElementsAre("5"));
  EXPECT_EQ(verify_slices().num_taken_over, 4);
  // The same bytes at another place are another slice.
  std::swap(source.places["1"][0].slice, source.places["2"][0].slice);
  EXPECT_EQ(verify_slices().num_taken_over, 2);
  EXPECT_EQ(verify_slices().num_taken_over, 4);
  on_root([&] {
    fs::last_write_time(all,
                        fs::last_write_time(all) + std::chrono::seconds(2));
  });
  EXPECT_EQ(verify_slices().num_taken_over, 0);
}

TEST_F(VerifyJournalTest, TwoJobsDoNotShareOne) {
  if (test_world().is_root()) fs::create_directory(journal());
  std::optional<FileLock> lock;
  if (test_world().is_root())
    lock = value_or_throw(FileLock::take(journal() / "lock", 0));
  try {
    verify();
    ADD_FAILURE() << "it worked";
  } catch (AgreedError const& why) {
    EXPECT_THAT(why.what(), HasSubstr("in use"));
  }
}

TEST_F(VerifyJournalTest, DiskThatIsFull) {
  verify();
  test_world().barrier();
  set_write_fault(1, ENOSPC);
  try {
    verify(JournalUse::start_anew);
    ADD_FAILURE() << "it worked";
  } catch (AgreedError const& why) {
    EXPECT_THAT(why.what(), HasSubstr("No space left"));
  }
  set_write_fault(-1, 0);
}

TEST_F(VerifyJournalTest, IsRemovedByAll) {
  verify();
  remove_journal(test_world(), journal());
  EXPECT_FALSE(fs::exists(journal()));
}

TEST_F(VerifyJournalTest, Mp4UnderTheNameOfWebmIsNoted) {
  on_root([&] {
    output_of(
        "ffmpeg -v error -nostdin -y -f lavfi -i testsrc=size=64x48:rate=12 "
        "-frames:v 3 -c:v libx264 -pix_fmt yuv420p -f mp4 " +
        file("5").string());
  });
  auto const report = verify();
  EXPECT_THAT(bad(report), ElementsAre());
  EXPECT_THAT(report.not_webm, ElementsAre("5"));
  EXPECT_THAT(manifest_json(report), HasSubstr("\"not_webm\": [\"5\"]"));
  EXPECT_EQ(manifest_json(verify()), manifest_json(report));
}

}  // namespace
}  // namespace gasm
