// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/video_spool.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "gasm/comm/communicator.hpp"
#include "gasm/data/video_source.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

/// Names and bytes of made-up videos; one is empty.
std::vector<std::pair<std::string, std::string>> const videos = {
    {"7.webm", "the first video"},
    {"8.webm", std::string(3000, 'b')},
    {"caf\u00e9 \"9\".mp4", ""},
    {"10.webm", "one more"}};

std::span<std::byte const> bytes_of(std::string const& text) {
  return std::as_bytes(std::span(text));
}

void put(std::filesystem::path const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string get(std::filesystem::path const& path) {
  return value_or_throw(read_text(path));
}

/// Writes what is not there yet, as an extraction does.
Result<void> extract(std::filesystem::path const& path) {
  auto spool = SpoolWriter::open(path);
  if (!spool) return tl::unexpected(spool.error());
  for (std::size_t i = 0; i < videos.size(); ++i) {
    auto const bytes = bytes_of(videos[i].second);
    if (i < spool->index().entries.size()) {
      if (spool->holds(i, bytes)) continue;
      if (auto done = spool->cut(i); !done) return done;
    }
    if (auto done = spool->append(videos[i].first, bytes); !done) return done;
  }
  return spool->complete();
}

struct Files {
  std::string data;
  std::string journal;
  bool operator==(Files const&) const = default;
};

Files files_of(std::filesystem::path const& spool) {
  return {get(spool), get(spool_index_path(spool))};
}

class Spool : public testing::Test {
 protected:
  Spool() {
    value_or_throw(extract(folder / "whole"));
    whole = files_of(folder / "whole");
  }
  ~Spool() override { set_write_fault(-1, 0); }

  /// What is there is completed to the same files.
  void expect_goes_on(Files const& there) {
    put(path, there.data);
    put(spool_index_path(path), there.journal);
    auto const done = extract(path);
    ASSERT_TRUE(done) << done.error().what();
    EXPECT_EQ(files_of(path), whole);
  }

  TempFolder folder;
  std::filesystem::path path = folder / "spool";
  Files whole;
};

TEST_F(Spool, HoldsTheVideosOneAfterTheOther) {
  EXPECT_EQ(whole.data,
            "the first video" + std::string(3000, 'b') + "one more");
  auto const index =
      value_or_throw(parse_spool_index(whole.journal, "journal"));
  EXPECT_TRUE(index.is_complete);
  ASSERT_EQ(index.entries.size(), 4U);
  EXPECT_EQ(index.entries[1].name, "8.webm");
  EXPECT_EQ(index.entries[1].offset, 15U);
  EXPECT_EQ(index.entries[2].name, "caf\u00e9 \"9\".mp4");
  EXPECT_EQ(index.entries[3].offset, 3015U);
  EXPECT_EQ(index.num_bytes(), 3023U);
}

TEST_F(Spool, GoesOnFromAnyByteAtWhichItWasKilled) {
  // The data of video i are written before its line, so that a process that
  // is killed leaves a prefix of the journal and at least the lines' bytes.
  for (std::size_t keep = 0; keep <= whole.journal.size(); ++keep) {
    auto const journal = whole.journal.substr(0, keep);
    auto const index = value_or_throw(parse_spool_index(journal, "journal"));
    auto const start = index.num_bytes();
    auto const next = index.entries.size() < videos.size()
                          ? videos[index.entries.size()].second.size()
                          : 0;
    auto const extra = next * (keep % 3) / 2;
    expect_goes_on({whole.data.substr(0, start + extra), journal});
    if (HasFailure()) FAIL() << "cut at " << keep;
  }
}

TEST_F(Spool, GoesOnWhereAPowerCutLeftLinesWithoutBytes) {
  for (std::size_t keep = 0; keep < whole.data.size(); keep += 97)
    expect_goes_on({whole.data.substr(0, keep), whole.journal});
  auto lost = whole.data;
  std::fill(lost.begin() + 1000, lost.end(), '\0');
  expect_goes_on({lost, whole.journal});
}

TEST_F(Spool, LinesBehindAChangedOneAreNotBelieved) {
  for (std::size_t at = 40; at < whole.journal.size(); at += 7) {
    auto journal = whole.journal;
    journal[at] = static_cast<char>(journal[at] ^ 1);
    auto const index = value_or_throw(parse_spool_index(journal, "journal"));
    EXPECT_FALSE(index.is_complete) << at;
    expect_goes_on({whole.data, journal});
  }
}

TEST_F(Spool, AFullDiskLosesNothingThatWasWritten) {
  long num_failures = 0;
  for (long n = 0;; ++n) {
    set_write_fault(n, ENOSPC);
    auto const done = extract(path);
    set_write_fault(-1, 0);
    if (done) break;
    ++num_failures;
    EXPECT_THAT(done.error().what(), HasSubstr("No space left on device"));
    // What the failing call left is completed elsewhere.
    if (std::filesystem::exists(path) &&
        std::filesystem::exists(spool_index_path(path))) {
      auto const there = files_of(path);
      expect_goes_on(there);
    }
    for (auto const* name : {"spool", "spool.index", "spool.lock"})
      std::filesystem::remove(folder / name);
  }
  // Two files, the first line, four videos (one without bytes), four lines,
  // the last line, two flushes.
  EXPECT_EQ(num_failures, 2 + 1 + 3 + 4 + 1 + 2);
  EXPECT_EQ(files_of(path), whole);
}

TEST_F(Spool, OneWriterAtATime) {
  auto const first = value_or_throw(SpoolWriter::open(path));
  EXPECT_THAT(SpoolWriter::open(path).error().what(), HasSubstr("in use"));
}

TEST_F(Spool, NeverTouchesFilesOfOthers) {
  put(path, "somebody's file");
  EXPECT_THAT(SpoolWriter::open(path).error().what(),
              HasSubstr("exists and is no spool"));
  EXPECT_EQ(get(path), "somebody's file");
  put(spool_index_path(path), "somebody's index\n");
  EXPECT_THAT(SpoolWriter::open(path).error().what(),
              HasSubstr("is no index of a spool"));
  EXPECT_EQ(get(spool_index_path(path)), "somebody's index\n");
}

TEST_F(Spool, IsASourceOfVideos) {
  auto const source = open_videos(Communicator::self(), folder / "whole");
  ASSERT_EQ(source.places.size(), 4U);
  auto const& place = source.places.at("8").front();
  EXPECT_EQ(place.name, "8.webm");
  EXPECT_EQ(value_or_throw(source.size_bytes(place)), 3000U);
  auto const bytes = value_or_throw(source.read(place));
  EXPECT_EQ(
      std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size()),
      videos[1].second);
  auto changed = whole.data;
  changed[20] = 'x';
  put(folder / "whole", changed);
  EXPECT_THAT(source.read(place).error().what(), HasSubstr("8.webm in "));
}

TEST_F(Spool, ASourceMustBeComplete) {
  auto const why = [&](Files const& files) -> std::string {
    put(path, files.data);
    put(spool_index_path(path), files.journal);
    try {
      open_videos(Communicator::self(), path);
    } catch (Error const& refused) {
      return refused.what();
    }
    return "it worked";
  };
  auto const last = whole.journal.rfind('\n', whole.journal.size() - 2) + 1;
  EXPECT_THAT(why({whole.data, whole.journal.substr(0, last)}),
              HasSubstr("is not complete (4 videos so far)"));
  EXPECT_THAT(why({whole.data.substr(1), whole.journal}),
              HasSubstr("has 3022 bytes (its index says 3023)"));
  std::filesystem::remove(spool_index_path(path));
  EXPECT_THROW(open_videos(Communicator::self(), path), Error);
}

}  // namespace
}  // namespace gasm
