// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "gasm/config/field.hpp"

namespace gasm {

/// What is averaged over the views of one video.
enum class ViewAverage { softmax, logits };
constexpr auto choices(ViewAverage) {
  return std::array{Choice{ViewAverage::softmax, "softmax"},
                    Choice{ViewAverage::logits, "logits"}};
}

/// The views through which `gasm eval` sees a video. Validation during
/// training takes one: its curve does not depend on these.
struct EvalConfig {
  int clips = 1;
  int crops = 1;
  ViewAverage average = ViewAverage::softmax;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("clips", self.clips,
            "Clips of a video, spread over its time. Their frames are "
            "interleaved; dense: their starts are spread evenly; tsm: 2 is its "
            "twice_sample.",
            between(1, 10));
    v.field("crops", self.crops,
            "Windows of each clip: 1 (the centre), or 3 along the frame's "
            "longer side.",
            between(1, 3));
    v.field("average", self.average,
            "What is averaged over clips x crops views.");
  }
};

}  // namespace gasm
