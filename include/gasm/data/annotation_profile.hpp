// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gasm/data/annotations.hpp"

namespace gasm {

/// What the publisher of Something-Something V2 counts: classes, and the
/// records of each split.
inline constexpr std::int64_t num_ssv2_classes = 174;
inline constexpr std::array<std::pair<std::string_view, std::int64_t>, 3>
    num_ssv2_records = {{
        {"train", 168'913},
        {"validation", 24'777},
        {"test", 27'157},
    }};

/// One split beside what the published data set has there.
struct SplitCount {
  std::string split;
  std::int64_t num_records = 0;
  std::int64_t num_labelled = 0;
  std::int64_t num_used_classes = 0;     ///< with at least one record
  std::optional<std::int64_t> expected;  ///< of Something-Something V2
};

/// Are these the annotations of Something-Something V2? Others are as welcome;
/// the answer tells an incomplete set or another order of ids from a whole one.
struct AnnotationProfile {
  std::int64_t num_classes = 0;
  /// 174 classes, and the three left-right pairs have the labels that the
  /// publisher gave them (86/87, 93/94, 166/167). Something-Something V1 and
  /// Something-Else have other numbers.
  bool is_ssv2 = false;
  /// 168,913 records of train, 24,777 of validation, 27,157 of test.
  bool counts_match = false;
  std::vector<SplitCount> splits;  ///< as given
};

AnnotationProfile profile_annotations(std::span<AnnotatedSplit const> splits);

/// "SSv2: yes, counts match", or "SSv2: no (24 classes, not 174)", or "SSv2:
/// yes, but counts differ: train 900 of 168913, no test".
std::string describe(AnnotationProfile const& profile);

/// Two members of a JSON object, without its braces:
///   "splits": [{"split", "num_records", "num_labelled", "num_used_classes",
///   "expected_ssv2"}, ...], "ssv2": {"is_ssv2", "counts_match"}
std::string profile_members(AnnotationProfile const& profile);

}  // namespace gasm
