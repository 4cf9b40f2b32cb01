// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/data_stats.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/sampler.hpp"
#include "gasm/store/clip_store.hpp"

namespace gasm {
namespace {

constexpr std::uint64_t kSampleSeed = 0x5374617473;

/// Means of one class on the way.
struct ClassSums {
  double frames = 0;
  double seconds = 0;
  std::int64_t num_seconds = 0;
  double brightness = 0;
  double motion = 0;
  std::int64_t num_motion = 0;
};

double mean(double sum, std::int64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

/// To a tenth: containers round times to milliseconds, which makes 23.99 and
/// 24.01 of one rate.
std::string rate_name(double fps) {
  return fps > 0 ? fmt::format("{:g}", std::round(fps * 10) / 10) : "unknown";
}

class Summary {
 public:
  explicit Summary(ClipStoreContents const& contents)
      : contents_(contents), sums_(contents.classes.size()) {
    stats_.split = contents.split;
    stats_.data_hash = to_hex(data_hash(contents));
    stats_.num_clips = std::ssize(contents.clips);
    stats_.classes.resize(contents.classes.size());
    for (auto const& clip : contents.clips) add_listed(clip);
  }

  void add_measured(ClipInfo const& clip, ClipMeasure const& measure) {
    ++stats_.num_measured;
    if (measure.error) {
      stats_.errors.emplace_back(clip.id, *measure.error);
      return;
    }
    ++stats_.codecs[measure.codec.empty() ? "unknown" : measure.codec];
    ++stats_.frame_rates[rate_name(measure.fps)];
    auto* const sums = sums_of(clip);
    brightness_.push_back(measure.brightness);
    if (sums != nullptr) {
      ++class_of(clip).num_measured;
      sums->brightness += measure.brightness;
    }
    if (measure.motion) {
      motion_.push_back(*measure.motion);
      if (sums != nullptr) {
        sums->motion += *measure.motion;
        ++sums->num_motion;
      }
    }
    if (measure.fps <= 0) return;
    seconds_.push_back(clip.num_frames / measure.fps);
    if (sums != nullptr) {
      sums->seconds += seconds_.back();
      ++sums->num_seconds;
    }
  }

  SplitStats finish() {
    stats_.frames = distribution_of(std::move(frames_), 1);
    stats_.kilobytes = distribution_of(std::move(kilobytes_), 0.1);
    stats_.seconds = distribution_of(std::move(seconds_), 0.1);
    stats_.brightness = distribution_of(std::move(brightness_), 1);
    stats_.motion = distribution_of(std::move(motion_), 0.1);
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      auto& found = stats_.classes[i];
      auto const& sums = sums_[i];
      found.mean_frames = mean(sums.frames, found.num_clips);
      found.mean_seconds = mean(sums.seconds, sums.num_seconds);
      found.mean_brightness = mean(sums.brightness, found.num_measured);
      found.mean_motion = mean(sums.motion, sums.num_motion);
    }
    return std::move(stats_);
  }

 private:
  void add_listed(ClipInfo const& clip) {
    stats_.num_bytes += clip.num_bytes;
    frames_.push_back(clip.num_frames);
    kilobytes_.push_back(static_cast<double>(clip.num_bytes) / 1000);
    ++stats_.sizes[fmt::format("{}x{}", clip.width, clip.height)];
    if (clip.label < 0) {
      ++stats_.num_unlabelled;
      return;
    }
    ++class_of(clip).num_clips;
    sums_of(clip)->frames += clip.num_frames;
  }
  ClassStats& class_of(ClipInfo const& clip) {
    return stats_.classes[static_cast<std::size_t>(clip.label)];
  }
  ClassSums* sums_of(ClipInfo const& clip) {
    return clip.label < 0 ? nullptr
                          : &sums_[static_cast<std::size_t>(clip.label)];
  }

  ClipStoreContents const& contents_;
  SplitStats stats_;
  std::vector<ClassSums> sums_;
  std::vector<double> frames_, kilobytes_, seconds_, brightness_, motion_;
};

ClipStore open_like(std::filesystem::path const& path,
                    std::vector<ClipStore> const& others) {
  auto store = value_or_throw(ClipStore::open(path, ByteCheck::first_read));
  if (!others.empty() && others.front().classes() != store.classes())
    throw usage_error(
        "{} and {} have different classes (packed with different labels.json). "
        "Try one gasm data stats for each",
        others.front().path().string(), path.string());
  return store;
}

}  // namespace

std::vector<std::int64_t> sample_clips(std::int64_t num_clips,
                                       std::int64_t num_wanted) {
  std::vector<std::int64_t> clips(
      static_cast<std::size_t>(std::min(num_clips, num_wanted)));
  std::iota(clips.begin(), clips.end(), std::int64_t{0});
  if (num_wanted >= num_clips) return clips;
  EpochOrder const order(kSampleSeed, 0, num_clips);
  for (auto& clip : clips) clip = order.sample_at(clip);
  std::ranges::sort(clips);
  return clips;
}

SplitStats summarise(ClipStoreContents const& contents,
                     std::span<std::int64_t const> clips,
                     std::span<ClipMeasure const> measures) {
  GASM_ASSERT(clips.size() == measures.size());
  Summary summary(contents);
  for (std::size_t k = 0; k < clips.size(); ++k)
    summary.add_measured(contents.clips[static_cast<std::size_t>(clips[k])],
                         measures[k]);
  return summary.finish();
}

std::vector<std::vector<std::string>> find_duplicate_clips(
    std::span<ClipStoreContents const* const> stores) {
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  std::map<Key, std::size_t> group_of;
  std::vector<std::vector<std::string>> groups;
  for (auto const* const store : stores)
    for (auto const& clip : store->clips) {
      auto const [found, is_new] =
          group_of.emplace(Key{clip.xxh64, clip.num_bytes}, groups.size());
      if (is_new) groups.emplace_back();
      groups[found->second].push_back(store->split + ":" + clip.id);
    }
  std::erase_if(groups, [](auto const& ids) { return ids.size() < 2; });
  return groups;
}

DataStats collect_stats(Communicator const& comm,
                        std::span<std::filesystem::path const> paths,
                        StatsOptions const& options) {
  auto const stores = agree_call(comm, [&] {
    std::vector<ClipStore> opened;
    for (auto const& path : paths) opened.push_back(open_like(path, opened));
    return opened;
  });
  std::vector<std::vector<std::int64_t>> clips;
  std::vector<ClipRef> refs;
  for (auto const& store : stores) {
    clips.push_back(
        sample_clips(store.size(), options.sample.value_or(store.size())));
    for (auto const clip : clips.back()) refs.push_back({&store, clip});
  }
  auto const measures = measure_clips(comm, refs, options.measure);

  DataStats stats;
  stats.num_frames = options.measure.num_frames;
  std::vector<ClipStoreContents const*> contents;
  std::span<ClipMeasure const> rest(measures);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    contents.push_back(&stores[i].contents());
    stats.splits.push_back(
        summarise(*contents[i], clips[i], rest.first(clips[i].size())));
    stats.splits.back().path = stores[i].path().string();
    rest = rest.subspan(clips[i].size());
  }
  if (!stores.empty()) stats.classes = stores.front().classes();
  stats.duplicates = find_duplicate_clips(contents);
  return stats;
}

}  // namespace gasm
