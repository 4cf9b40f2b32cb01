// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "gasm/base/background.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"

namespace gasm {

struct PrefetchOptions {
  std::int64_t num_threads = 1;
  std::int64_t depth = 4;  ///< most results made or being made, undelivered
  /// Called on a thread before each of its jobs; none: nothing is.
  std::function<void()> before_job = {};
};

struct PrefetchStats {
  double data_wait_s = 0.0;  ///< the caller's time inside next()
  double work_s = 0.0;       ///< the workers' time, summed over threads
  std::int64_t num_delivered = 0;
  std::int64_t num_ready = 0;  ///< results found ready, summed over calls
};

/// Makes results ahead of their use, on threads, and delivers them strictly
/// in the order of their jobs.
///
/// `jobs` is called once for each job, in order and never by two threads at
/// a time; nullopt ends the stream. `make_worker` is called once on each
/// thread and returns what turns a job into a result there: state that one
/// thread must own (a decoder) lives in it. A long job should return early
/// (anything) once its stop token is set.
///
/// The threads give way to the caller's arithmetic: where they share a core,
/// they work while it waits for results or for other ranks.
///
/// An exception of jobs, make_worker or a worker comes out of next() in the
/// place of its result, and of every next() after that.
template <class Job, class Value>
class Prefetcher {
 public:
  using Jobs = std::function<std::optional<Job>()>;
  using Worker = std::function<Value(Job const&, std::stop_token)>;
  using MakeWorker = std::function<Worker()>;

  /// Throws a usage error if a number in `options` is below 1, and
  /// std::system_error if the system gives no more threads.
  Prefetcher(Jobs jobs, MakeWorker make_worker, PrefetchOptions options)
      : jobs_(std::move(jobs)),
        make_worker_(std::move(make_worker)),
        options_(checked(options)),
        slots_(static_cast<std::size_t>(options.depth)) {
    try {
      for (std::int64_t i = 0; i < options_.num_threads; ++i)
        threads_.emplace_back([this] { run(); });
    } catch (...) {
      // No destructor will: the threads that run already would wait forever.
      stop();
      throw;
    }
  }

  /// Waits for the running jobs to notice, not for the queue to drain.
  ~Prefetcher() { stop(); }
  Prefetcher(Prefetcher const&) = delete;
  Prefetcher& operator=(Prefetcher const&) = delete;

  /// The next result; nullopt after the last. One caller at a time.
  std::optional<Value> next() {
    double const start_s = monotonic_s();
    std::unique_lock lock(mutex_);
    for (Slot const& slot : slots_) stats_.num_ready += slot.done ? 1 : 0;
    made_.wait(lock, [this] {
      return setup_error_ || ended_before_next() || next_slot().done;
    });
    stats_.data_wait_s += monotonic_s() - start_s;
    if (setup_error_) std::rethrow_exception(setup_error_);
    if (ended_before_next()) return std::nullopt;
    Slot& slot = next_slot();
    if (slot.error) std::rethrow_exception(slot.error);
    std::optional<Value> value = std::move(slot.value);
    slot = Slot{};
    ++stats_.num_delivered;
    lock.unlock();
    room_.notify_all();
    return value;
  }

  PrefetchStats stats() const {
    std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  struct Slot {
    bool done = false;
    std::optional<Value> value;
    std::exception_ptr error;
  };

  static PrefetchOptions checked(PrefetchOptions options) {
    if (options.num_threads < 1 || options.depth < 1)
      throw usage_error(
          "cannot prefetch with {} threads and a depth of {} (both must be at "
          "least 1). Try 1 thread and a depth of 2",
          options.num_threads, options.depth);
    return options;
  }

  Slot& slot_of(std::int64_t k) {
    return slots_[static_cast<std::size_t>(k % options_.depth)];
  }
  Slot& next_slot() { return slot_of(stats_.num_delivered); }
  bool ended_before_next() const {
    return ended_ && stats_.num_delivered == num_claimed_;
  }

  void run() {
    give_way_to_other_threads();
    try {
      Worker worker = make_worker_();
      while (work_once(worker)) continue;
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!setup_error_) setup_error_ = std::current_exception();
      ended_ = true;
    }
    made_.notify_all();
    room_.notify_all();
  }

  /// False when there is nothing left to do.
  bool work_once(Worker& worker) {
    std::int64_t k = 0;
    Slot result;
    std::optional<Job> job = claim(k, result.error);
    if (!job && !result.error) return false;
    double const start_s = monotonic_s();
    if (job) {
      try {
        if (options_.before_job) options_.before_job();
        result.value = worker(*job, stop_.get_token());
      } catch (...) {
        result.error = std::current_exception();
      }
    }
    result.done = true;
    std::lock_guard lock(mutex_);
    stats_.work_s += monotonic_s() - start_s;
    if (result.error) ended_ = true;
    slot_of(k) = std::move(result);
    made_.notify_all();
    return true;
  }

  /// Waits for room, then takes job k; neither job nor error at the end.
  std::optional<Job> claim(std::int64_t& k, std::exception_ptr& error) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] {
      return ended_ || stop_.stop_requested() ||
             num_claimed_ < stats_.num_delivered + options_.depth;
    });
    if (ended_ || stop_.stop_requested()) return std::nullopt;
    std::optional<Job> job;
    try {
      job = jobs_();
    } catch (...) {
      error = std::current_exception();
    }
    if (job || error) k = num_claimed_++;
    if (!job) {
      ended_ = true;
      room_.notify_all();
      made_.notify_all();
    }
    return job;
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_.request_stop();
    }
    room_.notify_all();
    threads_.clear();
  }

  Jobs jobs_;
  MakeWorker make_worker_;
  PrefetchOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable made_;  ///< a result is there, or there is no more
  std::condition_variable room_;  ///< one more job may be taken
  std::vector<Slot> slots_;
  std::int64_t num_claimed_ = 0;
  bool ended_ = false;  ///< no job will be taken any more
  std::exception_ptr setup_error_;
  PrefetchStats stats_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;
};

}  // namespace gasm
