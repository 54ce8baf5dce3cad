// Leasing by one atomic flag a CPU: the common case is one exchange on a line that only this CPU touches, and a load
// and a store where there is no other thread.
#include "host/cpu_lease.hpp"

#include <sched.h>

#include "base/threads.hpp"

namespace skep::host {

CpuLease::CpuLease(unsigned cpus) : count_(cpus), slots_(std::make_unique<Slot[]>(cpus)) {}

bool CpuLease::take(std::atomic<bool>& taken) noexcept {
  // The plain load first: a waiting thread must not take the line away from the holder.
  if (taken.load(std::memory_order_relaxed)) return false;
  if (!single_threaded()) return !taken.exchange(true, std::memory_order_acquire);
  taken.store(true, std::memory_order_relaxed);
  return true;
}

unsigned CpuLease::acquire(unsigned preferred) noexcept {
  const unsigned start = preferred < count_ ? preferred : preferred % count_;
  for (;;) {
    for (unsigned i = 0, cpu = start; i < count_; ++i, cpu = cpu + 1 == count_ ? 0 : cpu + 1) {
      if (take(slots_[cpu].taken)) return cpu;
    }
    ::sched_yield();
  }
}

void CpuLease::release(unsigned cpu) noexcept {
  if (cpu < count_) slots_[cpu].taken.store(false, std::memory_order_release);
}

}  // namespace skep::host
