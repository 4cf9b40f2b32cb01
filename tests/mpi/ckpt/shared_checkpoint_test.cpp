// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>

#include "gasm/base/file.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/agree.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kValues = 35;  // of a moment: no number of ranks divides

/// The model on all ranks; the moments cut in uneven parts, without one
/// for rank 2 of four.
CheckpointShare share_of(std::int64_t step, int rank, int num_ranks) {
  CheckpointShare share{.step = step, .sets = {}, .facts = {{"seed", "3"}}};
  auto& model = share.sets["model"].common;
  for (int i = 0; i < 9; ++i)
    model.tensors.emplace("w" + std::to_string(i),
                          at::full({i, 3}, static_cast<double>(step + i)));
  auto& optimizer = share.sets["optimizer"];
  optimizer.is_divided = true;
  optimizer.common.tensors = {{"num_steps", at::full({}, step, at::kLong)}};
  auto const edge = [&](int r) {
    return r == num_ranks ? kValues : kValues * std::min(r, 2) / num_ranks;
  };
  auto const from = edge(rank);
  auto const to = edge(rank + 1);
  if (from == to) return share;
  auto const name = "momentum.w@" + std::to_string(from);
  optimizer.own[name] = at::arange(from, to, at::kFloat);
  optimizer.slices[name] = {.of = "momentum.w", .from = from, .shape = {5, 7}};
  return share;
}

void expect_is(Checkpoint const& found, std::int64_t step) {
  EXPECT_EQ(found.step, step);
  EXPECT_EQ(found.facts.at("seed"), "3");
  auto const& model = found.files.at("model").tensors;
  ASSERT_EQ(model.size(), 9U);
  for (int i = 0; i < 9; ++i)
    EXPECT_TRUE(at::equal(model.at("w" + std::to_string(i)),
                          at::full({i, 3}, static_cast<double>(step + i))));
  auto const& optimizer = found.files.at("optimizer").tensors;
  ASSERT_EQ(optimizer.size(), 2U);
  EXPECT_TRUE(at::equal(optimizer.at("momentum.w"),
                        at::arange(kValues, at::kFloat).view({5, 7})));
  EXPECT_EQ(optimizer.at("num_steps").item<std::int64_t>(), step);
}

std::size_t count_files(fs::path const& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), {}));
}

// What the first k ranks write alone, all of them read.
TEST(SharedCheckpoint, AnyNumberOfRanksReadsWhatAnyNumberWrote) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  for (int num = 1; num <= world.size(); ++num)
    for (std::uint64_t const min_bytes :
         {std::uint64_t{0}, std::uint64_t{1} << 20}) {
      std::int64_t const step = 10 * num + (min_bytes > 0 ? 1 : 0);
      bool const is_writer = world.rank() < num;
      auto writers = world.split(is_writer ? 0 : 1, world.rank());
      if (is_writer)
        save_checkpoint(writers, store, share_of(step, world.rank(), num), {},
                        {}, min_bytes);
      writers.close();
      world.barrier();
      auto const found = load_newest_checkpoint(world, store);
      ASSERT_TRUE(found);
      expect_is(*found, step);
      auto const n = static_cast<std::size_t>(num);
      bool const is_one_file = num == 1 || min_bytes > 0;
      EXPECT_EQ(count_files(store.folder() / ("step-" + std::to_string(step))),
                1 + n + (is_one_file ? 1 : n + 1));
      world.barrier();
    }
}

TEST(SharedCheckpoint, OneRanksFailureIsAllRanksAndLeavesTheOldOne) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  auto const save = [&](std::int64_t step) {
    save_checkpoint(world, store, share_of(step, world.rank(), world.size()),
                    {}, {}, 0);
  };
  save(1);
  bool const fails = world.rank() == world.size() - 1;
  if (fails) set_write_fault(3, ENOSPC);
  try {
    save(2);
    ADD_FAILURE() << "it was saved";
  } catch (AgreedError const& failed) {
    std::string const what = failed.what();
    EXPECT_NE(what.find("step-2.tmp-"), std::string::npos) << what;
    EXPECT_NE(what.find("No space left"), std::string::npos) << what;
  }
  set_write_fault(-1, 0);
  world.barrier();
  expect_is(*load_newest_checkpoint(world, store), 1);
  save(3);
  expect_is(*load_newest_checkpoint(world, store), 3);
  if (world.is_root()) {
    EXPECT_FALSE(fs::exists(store.folder() / "step-2"));
    EXPECT_EQ(count_files(store.folder()), 3U);  // steps 1 and 3, and latest
  }
}

TEST(SharedCheckpoint, DamagedShardsArePassedOverByAll) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  for (std::int64_t step = 1; step <= 2; ++step)
    save_checkpoint(world, store, share_of(step, world.rank(), world.size()),
                    {}, {}, 0);
  if (world.is_root()) {
    auto const name = world.size() == 1
                          ? std::string("optimizer.safetensors")
                          : "optimizer-00001-of-0000" +
                                std::to_string(world.size()) + ".safetensors";
    fs::remove(store.folder() / "step-2" / name);
  }
  world.barrier();
  expect_is(*load_newest_checkpoint(world, store), 1);
  world.barrier();
  if (world.is_root())
    std::ofstream(store.folder() / "step-2/manifest.json")
        << R"({"format": 9})";
  world.barrier();
  EXPECT_THROW(load_newest_checkpoint(world, store), AgreedError);
}

}  // namespace
}  // namespace gasm
