// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/clip_store.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <thread>

#include "gasm/comm/communicator.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/clip_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

TEST(ClipStore, GivesBackWhatWasWritten) {
  TempFolder folder;
  auto const clips = fake_clips({100, 1, 70000, 31});
  write_clip_store(Communicator::self(), folder / "clips.h5", clips.contents,
                   clips.source());
  EXPECT_FALSE(std::filesystem::exists(folder / "clips.h5.tmp"));

  auto const store = value_or_throw(ClipStore::open(folder / "clips.h5"));
  ASSERT_EQ(store.size(), 4);
  EXPECT_EQ(store.split(), "train");
  EXPECT_EQ(store.classes(), clips.contents.classes);
  EXPECT_EQ(store.total_bytes(), 70132U);
  for (std::int64_t i = 0; i < 4; ++i) {
    auto const& wanted = clips.contents.clips[static_cast<std::size_t>(i)];
    auto const& found = store.info(i);
    EXPECT_EQ(found.id, wanted.id);
    EXPECT_EQ(found.label, wanted.label);
    EXPECT_EQ(found.num_frames, wanted.num_frames);
    EXPECT_EQ(found.width, wanted.width);
    EXPECT_EQ(found.height, wanted.height);
    EXPECT_EQ(found.num_bytes, wanted.num_bytes);
    EXPECT_EQ(value_or_throw(store.bytes(i)),
              clips.bytes[static_cast<std::size_t>(i)]);
  }
}

TEST(ClipStore, DataHashIsOverChecksumsLabelsAndIds) {
  auto const clips = fake_clips({5, 6, 7});
  std::vector<std::uint64_t> checksums;
  for (auto const& bytes : clips.bytes) checksums.push_back(xxh64(bytes));
  std::vector<std::int16_t> const labels = {0, 1, 2};
  using namespace std::string_literals;
  EXPECT_EQ(data_hash(clips.contents),
            xxh64(raw_bytes(checksums) + raw_bytes(labels) + "1\0002\0005\0"s));

  auto other = clips.contents;
  other.clips[1].label = 0;
  EXPECT_NE(data_hash(other), data_hash(clips.contents));
  other = clips.contents;
  other.clips[1].id = "02";
  EXPECT_NE(data_hash(other), data_hash(clips.contents));
}

// h5dump is another program, with another HDF5 library, than the one we use.
TEST(ClipStore, IsPlainHdf5ToOtherReaders) {
  TempFolder folder;
  auto const path = folder / "clips.h5";
  auto const clips = fake_clips({300, 200000, 1});
  write_clip_store(Communicator::self(), path, clips.contents, clips.source());

  std::vector<std::byte> all;
  for (auto const& bytes : clips.bytes)
    all.insert(all.end(), bytes.begin(), bytes.end());
  EXPECT_TRUE(dump_raw(path, "data") == raw_bytes(all));
  EXPECT_EQ(dump_raw(path, "offset"),
            raw_bytes(std::vector<std::uint64_t>{0, 300, 200300, 200301}));
  EXPECT_EQ(dump_raw(path, "label"),
            raw_bytes(std::vector<std::int16_t>{0, 1, 2}));
  EXPECT_EQ(dump_raw(path, "num_frames"),
            raw_bytes(std::vector<std::uint32_t>{20, 21, 22}));
  EXPECT_EQ(dump_raw(path, "width"),
            raw_bytes(std::vector<std::uint16_t>{427, 428, 429}));
  EXPECT_EQ(dump_raw(path, "height"),
            raw_bytes(std::vector<std::uint16_t>{240, 240, 240}));
  auto const text = output_of("h5dump -H -A " + path.string());
  EXPECT_THAT(text, HasSubstr("\"gasm.clips\""));
  EXPECT_THAT(output_of("h5dump -d /id " + path.string()),
              HasSubstr("\"1\", \"2\", \"5\""));
}

TEST(ClipStore, DataLieAlignedOnMegabytes) {
  TempFolder folder;
  auto const clips = fake_clips({200000});
  write_clip_store(Communicator::self(), folder / "c.h5", clips.contents,
                   clips.source());
  auto const text = output_of("h5dump -p -d /data " +
                              (folder / "c.h5").string() + " | grep OFFSET");
  auto const offset = std::stoll(text.substr(text.find("OFFSET") + 6));
  EXPECT_EQ(offset % (1 << 20), 0) << text;
}

TEST(ClipStore, ManyThreadsReadAtOnce) {
  TempFolder folder;
  auto const clips = fake_clips(std::vector<std::size_t>(50, 4000));
  write_clip_store(Communicator::self(), folder / "c.h5", clips.contents,
                   clips.source());
  auto const store =
      value_or_throw(ClipStore::open(folder / "c.h5", ByteCheck::first_read));
  std::atomic<int> num_good = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::int64_t k = 0; k < 50; ++k) {
        auto const i = (k + 13 * t) % 50;
        auto const bytes = store.bytes(i);
        if (bytes && *bytes == clips.bytes[static_cast<std::size_t>(i)])
          ++num_good;
      }
    });
  threads.clear();
  EXPECT_EQ(num_good, 200);
}

TEST(ClipStore, StaysReadableAfterAMove) {
  TempFolder folder;
  auto const clips = fake_clips({10, 20});
  write_clip_store(Communicator::self(), folder / "c.h5", clips.contents,
                   clips.source());
  auto first = value_or_throw(ClipStore::open(folder / "c.h5"));
  auto const second = std::move(first);
  EXPECT_EQ(value_or_throw(second.bytes(1)), clips.bytes[1]);
}

TEST(RecordReader, GivesAllBytesFromMemoryAndFromTheFile) {
  TempFolder folder;
  auto const clips = fake_clips({10, 70000, 20});
  write_clip_store(Communicator::self(), folder / "c.h5", clips.contents,
                   clips.source());
  auto const store = value_or_throw(ClipStore::open(folder / "c.h5"));
  auto const direct = make_direct_reader(store);
  auto const resident = make_resident_reader(Communicator::self(), store);
  for (std::int64_t i = 0; i < 3; ++i) {
    auto const& wanted = clips.bytes[static_cast<std::size_t>(i)];
    EXPECT_TRUE(
        std::ranges::equal(value_or_throw(direct->read(i)).parts[0], wanted));
    EXPECT_TRUE(
        std::ranges::equal(value_or_throw(resident->read(i)).parts[0], wanted));
  }
}

TEST(ClipSlab, SharesOutEveryClipOnceByBytes) {
  // 100 + 4 x 25 bytes in two: the big clip alone, then the small ones.
  auto const contents = fake_clips({100, 25, 25, 25, 25}).contents;
  EXPECT_EQ(clip_slab(contents, 0, 2).count, 1);
  EXPECT_EQ(clip_slab(contents, 1, 2).first, 1);
  EXPECT_EQ(clip_slab(contents, 1, 2).count, 4);
  for (int num_ranks = 1; num_ranks < 12; ++num_ranks) {
    std::int64_t next = 0;
    for (int rank = 0; rank < num_ranks; ++rank) {
      auto const slab = clip_slab(contents, rank, num_ranks);
      EXPECT_EQ(slab.first, next);
      next += slab.count;
    }
    EXPECT_EQ(next, 5);
  }
}

}  // namespace
}  // namespace gasm
