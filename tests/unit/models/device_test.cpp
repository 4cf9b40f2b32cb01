// SPDX-License-Identifier: Apache-2.0
// What would make a GPU wait for the host, seen on a CPU: operations whose
// result, or the size of it, the host must know.
#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <set>
#include <string>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/gasm_cast.hpp"

namespace gasm {
namespace {

thread_local std::set<std::string>* waits = nullptr;

std::unique_ptr<at::ObserverContext> note(at::RecordFunction const& call) {
  static std::set<std::string> const kWaiting = {
      "aten::item",          "aten::_local_scalar_dense",
      "aten::is_nonzero",    "aten::nonzero",
      "aten::masked_select", "aten::_unique2",
      "aten::equal",         "aten::bincount"};
  if (waits && kWaiting.contains(call.name())) waits->insert(call.name());
  return nullptr;
}

/// The operations in `run` that wait.
std::set<std::string> waiting_in(std::function<void()> const& run) {
  std::set<std::string> found;
  waits = &found;
  auto const handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(note).scopes({at::RecordScope::FUNCTION}));
  run();
  at::removeCallback(handle);
  waits = nullptr;
  return found;
}

struct Case {
  FusionKind fusion = FusionKind::bcast;
  GraphEdges edges = GraphEdges::learned;
  GraphForm form = GraphForm::dense;
  FusionWindow window = FusionWindow::global;
  bool cross_bias = false;
};

class WithoutWaiting : public testing::TestWithParam<Case> {};

TEST(Waiting, IsSeen) {
  auto const x = at::ones({3});
  EXPECT_TRUE(waiting_in([&] { x.sum(); }).empty());
  EXPECT_FALSE(waiting_in([&] { x.sum().item<float>(); }).empty());
  EXPECT_FALSE(waiting_in([&] { x.index({x > 0}); }).empty());
}

TEST_P(WithoutWaiting, RunsForwardAndBackward) {
  FusionSpec spec;
  spec.fusion = GetParam().fusion;
  spec.graph_edges = GetParam().edges;
  spec.graph_attention = GetParam().form;
  spec.window = GetParam().window;
  spec.cross_bias = GetParam().cross_bias;
  spec.motion_grid = {2, 2};
  spec.semantic_grid = {4, 4};
  spec.dropout = spec.drop_path = 0.1;
  GasmCast model(spec);
  auto const semantic = torch::randn(
      {2, std::ssize(spec.semantic_frames), 16, spec.semantic_dim});
  auto const motion =
      torch::randn({2, spec.motion_segments, 4, spec.motion_dim});
  EXPECT_EQ(waiting_in([&] {
              model.forward(semantic, motion).square().sum().backward();
            }),
            std::set<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, WithoutWaiting,
    testing::Values(Case{}, Case{.fusion = FusionKind::cross},
                    Case{.fusion = FusionKind::late},
                    Case{.fusion = FusionKind::concat},
                    Case{.edges = GraphEdges::frozen},
                    Case{.form = GraphForm::gather},
                    Case{.window = FusionWindow::aligned, .cross_bias = true}));

/// As it is done on a GPU.
TEST(Waiting, IsNotNeededToChooseEdges) {
  auto const similarity = torch::randn({3, 16, 16});
  auto const neighbour = structural_edges({4, 4}).neighbour;
  EXPECT_EQ(waiting_in([&] {
              edge_lists(choose_edges_by_sorting(similarity, neighbour, 4), 9);
            }),
            std::set<std::string>{});
}

}  // namespace
}  // namespace gasm
