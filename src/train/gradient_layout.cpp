// SPDX-License-Identifier: Apache-2.0
#include "gradient_layout.hpp"

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

std::size_t in_blocks(std::size_t num_values) {
  return (num_values + kOwnedBlock - 1) / kOwnedBlock;
}

std::size_t num_floats(double megabytes) {
  return static_cast<std::size_t>(megabytes * 0x1p20 / sizeof(float));
}

}  // namespace

GradientLayout lay_out_gradients(std::span<std::size_t const> sizes,
                                 std::span<std::size_t const> ready_order,
                                 std::size_t num_more,
                                 BucketOptions const& options) {
  GradientLayout layout;
  layout.offset_of.resize(sizes.size());
  constexpr std::size_t nowhere = ~std::size_t{0};
  layout.bucket_of.assign(sizes.size(), nowhere);
  std::size_t begin = 0;
  std::size_t end = 0;
  auto const close_bucket = [&] {
    if (end == begin) return;
    auto const unit = options.num_shares * kOwnedBlock;
    end = begin + (end - begin + unit - 1) / unit * unit;
    layout.buckets.push_back({begin, end - begin});
    begin = end;
  };
  auto const place = [&](std::size_t i) {
    layout.offset_of[i] = end;
    layout.bucket_of[i] = layout.buckets.size();
    end += in_blocks(sizes[i]) * kOwnedBlock;
  };
  for (auto const i : ready_order) {
    GASM_ASSERT(i < sizes.size() && layout.bucket_of[i] == nowhere);
    auto const most =
        num_floats(layout.buckets.empty() ? options.first_mb : options.mb);
    if (end + sizes[i] > begin + most) close_bucket();
    place(i);
  }
  close_bucket();
  layout.num_ordered = layout.buckets.size();
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (layout.bucket_of[i] == nowhere) place(i);
  close_bucket();
  for (std::size_t i = 0; i < sizes.size(); ++i)
    for (std::size_t block = 0; block < in_blocks(sizes[i]); ++block)
      layout.blocks_by_parameter.push_back(
          static_cast<std::int64_t>(layout.offset_of[i] / kOwnedBlock + block));
  layout.num_gradient_values = end;
  layout.num_values = end + num_more;
  layout.tail = {end, num_more};
  return layout;
}

}  // namespace gasm
