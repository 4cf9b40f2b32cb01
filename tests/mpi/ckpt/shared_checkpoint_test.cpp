// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <span>
#include <thread>

#include "gasm/base/file.hpp"
#include "gasm/ckpt/checkpoint_saver.hpp"
#include "gasm/comm/agree.hpp"
#include "support/faulty_files.hpp"
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

void save(Communicator const& comm, CheckpointStore const& store,
          std::int64_t step, std::uint64_t min_bytes = 0) {
  CheckpointSaver saver(comm, store, {}, min_bytes);
  saver.begin(share_of(step, comm.rank(), comm.size()));
  saver.finish();
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
      if (is_writer) save(writers, store, step, min_bytes);
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
  save(world, store, 1);
  bool const fails = world.rank() == world.size() - 1;
  if (fails) set_write_fault(3, ENOSPC);
  try {
    save(world, store, 2);
    ADD_FAILURE() << "it was saved";
  } catch (AgreedError const& failed) {
    std::string const what = failed.what();
    EXPECT_NE(what.find("step-2.tmp-"), std::string::npos) << what;
    EXPECT_NE(what.find("No space left"), std::string::npos) << what;
  }
  set_write_fault(-1, 0);
  world.barrier();
  expect_is(*load_newest_checkpoint(world, store), 1);
  save(world, store, 3);
  expect_is(*load_newest_checkpoint(world, store), 3);
  if (world.is_root()) {
    EXPECT_FALSE(fs::exists(store.folder() / "step-2"));
    EXPECT_EQ(count_files(store.folder()), 3U);  // steps 1 and 3, and latest
  }
}

TEST(SharedCheckpoint, DamagedShardsArePassedOverByAll) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  for (std::int64_t step = 1; step <= 2; ++step) save(world, store, step);
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

/// Steps of a training that does nothing, until `done` says so.
void take_steps(CheckpointSaver& saver, std::function<bool()> const& done) {
  auto const& world = test_world();
  for (int i = 0; i < 10'000 && !done(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    auto const [is_busy, has_failed] = saver.flags();
    std::array flags = {is_busy ? 1 : 0, has_failed ? 1 : 0};
    world.all_reduce_max(std::span<int>(flags));
    saver.advance({.is_busy = flags[0] > 0, .has_failed = flags[1] > 0});
  }
}

TEST(CheckpointSaver, SavesTheTensorsAsTheyWereWhileStepsGoOn) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  CheckpointSaver saver(world, store, {.keep_last = 5}, 0);
  for (std::int64_t step = 1; step <= 3; ++step) {
    auto share = share_of(step, world.rank(), world.size());
    saver.begin(share);
    EXPECT_TRUE(saver.is_in_flight());
    // The training goes on and changes everything.
    for (auto& [set, part] : share.sets) {
      for (auto& [name, tensor] : part.common.tensors) tensor.zero_();
      for (auto& [name, tensor] : part.own) tensor.zero_();
    }
    take_steps(saver, [&] { return !saver.is_in_flight(); });
    EXPECT_FALSE(saver.is_in_flight());
    expect_is(*load_newest_checkpoint(world, store), step);
    world.barrier();
  }
  saver.rescore(3, 0.5, {{"seed", "4"}});
  auto const found = load_newest_checkpoint(world, store);
  EXPECT_EQ(found->facts.at("seed"), "4");
  EXPECT_EQ(store.list().back().score, 0.5);
  EXPECT_TRUE(fs::exists(store.folder() / "best/manifest.json"));
  world.barrier();
}

/// How a save of step 2 ends when the disk of one rank fails at a call.
struct Ending {
  bool is_saved = false;
  long num_calls = 0;  ///< of that rank
};

Ending end_of_save(CheckpointStore const& store, int failing_rank, long point) {
  auto const& world = test_world();
  FaultyFiles files;
  if (world.rank() == failing_rank)
    files.fail_at(point, FaultyFiles::Fault::no_space_once);
  Ending ending;
  {
    CheckpointSaver saver(world, store, {}, 0);
    saver.begin(share_of(2, world.rank(), world.size()));
    try {
      take_steps(saver, [&] { return !saver.is_in_flight(); });
      ending.is_saved = true;
    } catch (AgreedError const& failed) {
      EXPECT_NE(std::string(failed.what()).find("No space left"),
                std::string::npos);
    }
    EXPECT_FALSE(saver.is_in_flight());
  }
  ending.num_calls = files.num_calls();
  world.broadcast(ending.num_calls, failing_rank);
  return ending;
}

TEST(CheckpointSaver, AFailureAtAnyCallOfAnyRankIsEverybodys) {
  auto const& world = test_world();
  constexpr long kNever = 1'000'000;
  for (int rank : {0, world.size() - 1}) {
    auto const folder = shared_temp_folder();
    CheckpointStore const store(folder / "checkpoints");
    save(world, store, 1);
    auto const all = end_of_save(store, rank, kNever);
    EXPECT_TRUE(all.is_saved);
    EXPECT_GT(all.num_calls, 4);
    int num_failed = 0;
    for (long point = 0; point < all.num_calls; ++point) {
      test_watchdog().progress("call " + std::to_string(point));
      auto const ending = end_of_save(store, rank, point);
      num_failed += ending.is_saved ? 0 : 1;
      world.barrier();
      auto const found = load_newest_checkpoint(world, store);
      ASSERT_TRUE(found);
      EXPECT_TRUE(found->step == 2 || !ending.is_saved);
      expect_is(*found, found->step);
      if (world.is_root() && fs::exists(store.folder() / "step-2"))
        fs::remove_all(store.folder() / "step-2");
      world.barrier();
      if (!fs::exists(store.folder() / "step-1")) save(world, store, 1);
    }
    EXPECT_GT(num_failed, all.num_calls / 2);
  }
}

TEST(CheckpointSaver, AFailureInTheBackgroundIsToldAtALaterStep) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  save(world, store, 1);
  CheckpointSaver saver(world, store, {}, 0);
  bool const fails = world.rank() == world.size() - 1;
  if (fails) set_write_fault(3, ENOSPC);
  saver.begin(share_of(2, world.rank(), world.size()));
  try {
    take_steps(saver, [] { return false; });
    ADD_FAILURE() << "nothing was told";
  } catch (AgreedError const& failed) {
    EXPECT_NE(std::string(failed.what()).find("No space left"),
              std::string::npos);
  }
  set_write_fault(-1, 0);
  EXPECT_FALSE(saver.is_in_flight());
  world.barrier();
  expect_is(*load_newest_checkpoint(world, store), 1);
  saver.begin(share_of(3, world.rank(), world.size()));
  saver.finish();
  expect_is(*load_newest_checkpoint(world, store), 3);
  world.barrier();
}

}  // namespace
}  // namespace gasm
