// Calls that leave the program: Linux' helpers and the application's. The one place where foreign code may throw.
#include "lower/lower.hpp"
#include "vm/run.hpp"

namespace skep::vm {

void Run::call_helper(const lower::Op& op, const lower::Binding& binding, Registers& r) noexcept {
  // A slice of the budget may be full of calls, and each of them may take long.
  if (stop_->load(std::memory_order_relaxed)) return fault(op, FaultKind::stopped);
  m_.calling = &op;
  if (binding.code != nullptr) {
    r[0] = binding.code(*this, r[1], r[2], r[3], r[4], r[5]);
    return;
  }
  try {
    r[0] = binding.app->function(*this, {r[1], r[2], r[3], r[4], r[5]});
  } catch (...) {
    if (m_.ended) return;
    fault(op, FaultKind::host_exception);
    fault_->helper = binding.app->id;
  }
}

void Run::call_named_by_register(const lower::Op& op, Registers& r) noexcept {
  const std::uint64_t value = r[op.dst];
  lower::Binding scratch;
  const lower::Binding* binding = lower::bind_at_run_time(*m_.current, value, scratch);
  if (binding == nullptr) {
    fault(op, value > UINT32_MAX ? FaultKind::bad_call : FaultKind::no_helper, value);
    fault_->helper = static_cast<std::uint32_t>(value);
    return;
  }
  if (m_.current->guarded && !check_arguments(op, binding->row, r)) return;
  call_helper(op, *binding, r);
}

}  // namespace skep::vm
