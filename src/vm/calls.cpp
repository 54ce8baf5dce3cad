// Calls that leave the program: the application's helpers, and what a register names.
#include "lower/lower.hpp"
#include "vm/run.hpp"

namespace skep::vm {

void Run::call_app(const lower::Op& op, const HelperSpec& app, Registers& r) noexcept {
  try {
    r[0] = app.function(*this, {r[1], r[2], r[3], r[4], r[5]});
  } catch (...) {
    if (m_.ended) return;
    fault(op, FaultKind::host_exception);
    fault_->helper = app.id;
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
