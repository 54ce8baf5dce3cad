// Leasing by one atomic flag a CPU: the common case is one exchange on a line that only this CPU touches.
#include "host/cpu_lease.hpp"

#include <sched.h>

namespace skep::host {

CpuLease::CpuLease(unsigned cpus) : count_(cpus), slots_(std::make_unique<Slot[]>(cpus)) {}

unsigned CpuLease::acquire(unsigned preferred) noexcept {
  const unsigned start = preferred % count_;
  for (;;) {
    for (unsigned i = 0, cpu = start; i < count_; ++i, cpu = cpu + 1 == count_ ? 0 : cpu + 1) {
      // The plain load first: a waiting thread must not take the line away from the holder.
      std::atomic<bool>& taken = slots_[cpu].taken;
      if (!taken.load(std::memory_order_relaxed) && !taken.exchange(true, std::memory_order_acquire)) return cpu;
    }
    ::sched_yield();
  }
}

void CpuLease::release(unsigned cpu) noexcept {
  if (cpu < count_) slots_[cpu].taken.store(false, std::memory_order_release);
}

}  // namespace skep::host
