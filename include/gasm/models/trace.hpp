// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>

namespace gasm {

/// What a fusion model saw on the way, by name:
///   semantic.graph.I.edges   i64 [B*S, N, N]  0 self, 1 structural,
///                                             2 similar, -1 no edge
///   semantic.graph.I.weight  [B*S, H, N, N]   attention, 0 without an edge
///   motion.graph.I.{edges,weight}             the same, [B*P, ..., M, M]
///   fusion.I.s_from_m        [B, H, S*N, M*P] who attends whom
///   fusion.I.m_from_s        [B, H, M*P, S*N]
///   pool_s, pool_m           [B, H, tokens]   who attention pooling reads
///   semantic_pooled, motion_pooled            what the head reads
using Trace = std::map<std::string, at::Tensor>;

/// A place in a trace, or nowhere: layers record through it at no cost when
/// nobody asked for a trace.
class TraceScope {
 public:
  TraceScope() = default;
  explicit TraceScope(Trace* trace, std::string prefix = "")
      : trace_(trace), prefix_(std::move(prefix)) {}

  /// The scope `name.` below this one.
  TraceScope below(std::string const& name) const {
    return trace_ ? TraceScope(trace_, prefix_ + name + ".") : TraceScope();
  }
  /// Whether anybody asked.
  bool is_on() const { return trace_ != nullptr; }
  void record(char const* name, at::Tensor const& value) const {
    if (trace_) (*trace_)[prefix_ + name] = value.detach();
  }

 private:
  Trace* trace_ = nullptr;
  std::string prefix_;
};

}  // namespace gasm
