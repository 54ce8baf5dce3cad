// Who holds which CPU number. A run that touches per-CPU values leases a number, so that no other run of the same host
// has it meanwhile; the number need not be the CPU that the thread is on.
//
// Invariant: of all leases not yet given back, no two have the same number. Any number of threads may lease at once; a
// thread that holds one must not wait for a second one when there is only one to have.
#pragma once

#include <atomic>
#include <memory>

namespace skep::host {

class CpuLease {
 public:
  /// Numbers [0, cpus); `cpus` is at least 1.
  explicit CpuLease(unsigned cpus);

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  /// A free number, `preferred` (taken modulo count()) when that one is free. Waits, giving up the processor, while all
  /// are taken.
  [[nodiscard]] unsigned acquire(unsigned preferred) noexcept;
  /// Gives back a number that acquire() returned; others are ignored.
  void release(unsigned cpu) noexcept;

 private:
  // A cache line each: runs on different CPUs must not slow each other down.
  struct alignas(64) Slot {
    std::atomic<bool> taken{false};
  };

  /// False when somebody has it.
  [[nodiscard]] static bool take(std::atomic<bool>& taken) noexcept;

  unsigned count_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace skep::host
