// The short lock of this room: held for a few dozen instructions, never across a call to code of others.
//
// A waiter yields after a while, because the holder may be a thread the system has put aside. Where there is no other
// thread there is nobody to lock out.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/threads.hpp"

namespace skep::maps {

/// Waits between two attempts at a lock: spins first, then gives the CPU away.
class Backoff {
 public:
  void pause() noexcept {
    if (++rounds_ < kSpins) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
  }

 private:
  static constexpr unsigned kSpins = 64;
  unsigned rounds_ = 0;
};

class SpinLock {
 public:
  [[nodiscard]] bool try_lock() noexcept {
    return single_threaded() || !locked_.exchange(true, std::memory_order_acquire);
  }
  void lock() noexcept {
    Backoff backoff;
    while (!try_lock()) backoff.pause();
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace skep::maps
