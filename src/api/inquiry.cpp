// What the verifier is asked about a program: frozen values looked up, kernel types read where something needs them.
#include "api/inquiry.hpp"

#include "abi/helper.hpp"
#include "abi/prog_types.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

/// Values that nobody can change any more: of maps that programs may only read and the application has frozen.
std::vector<std::vector<std::byte>> frozen_values(std::span<const Map> maps) {
  std::vector<std::vector<std::byte>> values(maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const MapSpec& spec = maps[i].spec();
    const bool constant = spec.type == MapType::array && spec.max_entries == 1 &&
                          (spec.flags & map_flag::rdonly_prog) != 0 && maps[i].storage()->frozen();
    if (!constant) continue;
    const std::uint32_t first = 0;
    if (auto value = maps[i].lookup(std::as_bytes(std::span(&first, 1)))) values[i] = std::move(*value);
  }
  return values;
}

/// Programs whose arguments, or whose helpers, are typed by the kernel's BTF.
bool needs_kernel_types(const program::Program& program) {
  const abi::ProgTypeSpec* spec = abi::find_prog_type(program.type);
  if (spec != nullptr && spec->context == abi::ContextForm::btf_arguments) return true;
  if (program.type == ProgType::netfilter) return true;
  constexpr std::uint8_t kCall = 0x85;
  for (const Insn& insn : program.insns) {
    const abi::Helper* helper =
        insn.opcode == kCall && insn.src == 0 ? abi::find_helper(static_cast<std::uint32_t>(insn.imm)) : nullptr;
    if (helper == nullptr) continue;
    if (helper->ret_type != abi::KernelType::none) return true;
    for (const abi::ArgSpec& arg : helper->args)
      if (arg.type != abi::KernelType::none) return true;
  }
  return false;
}

/// Null where there are none: what needs them is then not judged.
TypesPtr kernel_types(const ObjectData& object) {
  const std::lock_guard lock(object.types_mutex);
  if (object.types_asked || object.target_btf.empty()) return object.target_types;
  object.types_asked = true;
  TypesPtr base;
  if (!object.target_btf_base.empty()) {
    auto loaded = load_types(object.target_btf_base, nullptr);
    if (!loaded) return nullptr;
    base = std::move(*loaded);
  }
  if (auto loaded = load_types(object.target_btf, base)) object.target_types = std::move(*loaded);
  return object.target_types;
}

}  // namespace

Inquiry::Inquiry(const ObjectData& object, const program::Program& program, const VerifyOptions& options)
    : frozen_(frozen_values(object.maps)) {
  for (std::size_t i = 0; i < object.maps.size(); ++i) maps_.push_back({&object.maps[i].spec(), frozen_[i]});
  if (needs_kernel_types(program)) kernel_types_ = kernel_types(object);
  input_.program = &program;
  input_.maps = maps_;
  input_.object_types = object.spec.btf.get();
  input_.kernel_types = kernel_types_.get();
  input_.options.privileges.bpf = options.bpf;
  input_.options.privileges.perfmon = options.perfmon;
  input_.options.strict_alignment = options.strict_alignment;
  input_.options.limits.insns = options.max_processed;
}

}  // namespace skep
