// Binding helper calls to code, and refusing those that cannot be bound, by name.
#include "lower/bind.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lower/lower.hpp"

namespace skep::lower {
namespace {

abi::Arg row_argument(HelperArg arg) {
  switch (arg) {
    case HelperArg::none:
      return abi::Arg::none;
    case HelperArg::scalar:
      return abi::Arg::scalar;
    case HelperArg::context:
      return abi::Arg::ctx;
    case HelperArg::map:
      return abi::Arg::map;
    case HelperArg::memory:
      return abi::Arg::mem_or_null;
    case HelperArg::memory_out:
      return abi::Arg::mem_out_or_null;
    case HelperArg::size:
      return abi::Arg::size_or_zero;
    case HelperArg::c_string:
      return abi::Arg::c_string;
    case HelperArg::callback:
      return abi::Arg::callback;
  }
  return abi::Arg::other;
}

bool may_call(const abi::Helper& row, ProgType type) {
  if (type == ProgType::unspec) return true;
  const auto bit = static_cast<std::uint32_t>(type);
  return bit < 64 && (row.programs >> bit & 1) != 0;
}

const HelperSpec* find_app_helper(const std::vector<HelperSpec>& helpers, std::uint32_t id) {
  const auto found = std::find_if(helpers.begin(), helpers.end(), [id](const auto& helper) { return helper.id == id; });
  return found == helpers.end() ? nullptr : &*found;
}

Result<void> check_prototype(const HelperSpec& spec, const std::string& where) {
  if (!spec.function) return fail(ErrorCode::invalid, where, "has no function");
  bool size_due = false;
  for (std::size_t i = 0; i < spec.args.size(); ++i) {
    if ((spec.args[i] == HelperArg::size) != size_due)
      return fail(ErrorCode::invalid, where,
                  fmt::format("argument {}: a memory argument and its size must follow each other", i + 1));
    size_due = spec.args[i] == HelperArg::memory || spec.args[i] == HelperArg::memory_out;
  }
  if (size_due) return fail(ErrorCode::invalid, where, "argument 5 is memory, and no register is left for its size");
  return {};
}

}  // namespace

void bind_app(const HelperSpec& spec, Binding& binding) {
  binding.app = &spec;
  binding.row.id = spec.id;
  binding.row.name = spec.name;
  std::transform(spec.args.begin(), spec.args.end(), binding.row.args.begin(), row_argument);
}

const HelperSpec* find_kfunc(const std::vector<HelperSpec>& kfuncs, std::string_view name) noexcept {
  const auto found =
      std::find_if(kfuncs.begin(), kfuncs.end(), [name](const auto& kfunc) { return kfunc.name == name; });
  return found == kfuncs.end() ? nullptr : &*found;
}

Result<void> check_prototypes(const std::vector<HelperSpec>& app_helpers, const std::vector<HelperSpec>& kfuncs) {
  for (const HelperSpec& spec : app_helpers) {
    const std::string where = fmt::format("application helper {} ({})", spec.id, spec.name);
    if (find_app_helper(app_helpers, spec.id) != &spec) return fail(ErrorCode::exists, where, "its id is taken twice");
    if (auto ok = check_prototype(spec, where); !ok) return ok;
  }
  for (const HelperSpec& spec : kfuncs) {
    const std::string where = fmt::format("kernel function {} of the application", spec.name);
    if (spec.name.empty()) return fail(ErrorCode::invalid, where, "has no name");
    if (find_kfunc(kfuncs, spec.name) != &spec) return fail(ErrorCode::exists, where, "is given twice");
    if (auto ok = check_prototype(spec, where); !ok) return ok;
  }
  return {};
}

Result<void> bind_helper(const std::vector<HelperSpec>& app_helpers, ProgType type, std::uint32_t id,
                         Binding& binding) {
  if (const HelperSpec* spec = find_app_helper(app_helpers, id)) {
    bind_app(*spec, binding);
    return {};
  }
  const abi::Helper* row = abi::find_helper(id);
  if (row == nullptr) return fail(ErrorCode::not_found, "", fmt::format("helper {} is unknown", id));
  if (!may_call(*row, type))
    return fail(ErrorCode::invalid, "",
                fmt::format("helper {} ({}) may not be called from {} programs", id, row->name, name_of(type)));
  binding.row = *row;
  binding.code = helpers::builtin(id);
  const bool engine_does_it = (row->effects & abi::tail_calls) != 0;
  if (binding.code == nullptr && !engine_does_it)
    return fail(
        ErrorCode::unsupported, "",
        fmt::format("helper {} ({}), called from a {} program, is not implemented", id, row->name, name_of(type)));
  return {};
}

const Binding* bind_at_run_time(const Image& image, std::uint64_t id, Binding& scratch) noexcept {
  if (id > UINT32_MAX) return nullptr;
  if (!bind_helper(image.app_helpers, image.program->type, static_cast<std::uint32_t>(id), scratch)) return nullptr;
  return (scratch.row.effects & abi::tail_calls) != 0 ? nullptr : &scratch;
}

}  // namespace skep::lower
