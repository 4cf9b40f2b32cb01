// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"
#include "gasm/video/frame_block.hpp"
#include "gasm/video/resample.hpp"

namespace gasm {

/// Decodes chosen frames of video files held in memory.
///
/// One object serves one thread, which does all the work (codecs get no
/// threads of their own: clips are the unit of parallelism). It keeps codec
/// and scaler contexts between files of one kind, so reuse it.
///
/// Frames are numbered from 0 in the order in which they come out of the
/// decoder. Decoding goes forward from the first frame and stops after the
/// last wanted one; only wanted frames are converted. The file's colour
/// matrix and range are honoured and its rotation is applied.
///
/// Damaged packets are skipped and counted. A wanted frame beyond the last
/// decodable one becomes a copy of that one, counted in num_missing. It is an
/// error if nothing can be decoded, if an index is negative or past
/// limits.max_frames, if the crop leaves the frame, and if a limit is passed.
class VideoDecoder {
 public:
  explicit VideoDecoder(DecodeLimits const& limits = {});
  ~VideoDecoder();
  VideoDecoder(VideoDecoder&&) noexcept;
  VideoDecoder& operator=(VideoDecoder&&) noexcept;

  /// Frame k of the result is frame indices[k] of the file. The indices may
  /// come in any order and repeat. `file` is read during the call only.
  Result<FrameBlock> decode(std::span<std::byte const> file,
                            std::span<int const> indices,
                            Resample const& resample = {});
  Result<FrameBlock> decode(std::filesystem::path const& path,
                            std::span<int const> indices,
                            Resample const& resample = {});

  /// The same into the caller's memory of exactly num_indices x out_height x
  /// out_width x 3 bytes; `resample` must give the output size. The block
  /// that is returned has no bytes of its own.
  Result<FrameBlock> decode_into(std::span<std::byte const> file,
                                 std::span<int const> indices,
                                 Resample const& resample,
                                 std::span<std::uint8_t> out);

  /// Number of frames of an intact file: by its packets for VP9 (each holds
  /// exactly one displayed frame; no decoding), by decoding for every other
  /// codec. probe_video gives the number for files that may be damaged.
  Result<int> count_frames(std::span<std::byte const> file);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gasm
