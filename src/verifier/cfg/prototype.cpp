// Reading prototypes of global functions out of the object's BTF, by Linux' rules for what a parameter may be.
#include "verifier/cfg/prototype.hpp"

#include <algorithm>
#include <vector>

#include "abi/context_fields.hpp"
#include "btf/btf.hpp"

namespace skep::verifier {
namespace {

using btf::Btf;
using btf::Kind;
using btf::TypeId;

constexpr std::uint32_t kGlobalLinkage = 1;

/// The names by which BTF knows the context of a program type.
std::array<std::string_view, 2> context_names(ProgType type) {
  const abi::ContextLayout* layout = abi::context_of(type);
  switch (type) {
    case ProgType::kprobe:
      return {"bpf_user_pt_regs_t", "pt_regs"};
    case ProgType::perf_event:
      return {"bpf_perf_event_data", "pt_regs"};
    case ProgType::tracepoint:  // their contexts have no structure of their own
    case ProgType::syscall:
    case ProgType::lirc_mode2:
      return {};
    default:  // the structure's name
      return {layout == nullptr ? std::string_view() : layout->name, {}};
  }
}

/// The declaration tags of one function, gathered in one pass over the types.
class Tags {
 public:
  Tags(const Btf& types, TypeId function) {
    for (TypeId id = 1; id < types.size(); ++id) {
      if (types.kind(id) != Kind::decl_tag) continue;
      const auto tag = types.type(id);
      if (tag.ref == function) tags_.push_back({tag.component, tag.name});
    }
  }
  [[nodiscard]] bool has(int component, std::string_view name) const {
    return std::any_of(tags_.begin(), tags_.end(),
                       [&](const Tag& tag) { return tag.component == component && tag.name == name; });
  }
  [[nodiscard]] bool any_starts_with(int component, std::string_view prefix) const {
    return std::any_of(tags_.begin(), tags_.end(),
                       [&](const Tag& tag) { return tag.component == component && tag.name.starts_with(prefix); });
  }

 private:
  struct Tag {
    int component = -1;
    std::string_view name;
  };
  std::vector<Tag> tags_;
};

bool is_number(const Btf& types, TypeId id) {
  const Kind kind = types.kind(types.strip(id));
  return kind == Kind::int_ || kind == Kind::enum_ || kind == Kind::enum64;
}

/// The parameter's type is a pointer to the program's context: by tag, or by name.
bool is_context(const Input& input, TypeId target) {
  const Btf& types = *input.object_types;
  // The name that counts is the first behind the pointer: bpf_user_pt_regs_t is a typedef.
  const auto contexts = context_names(input.program->type);
  for (unsigned depth = 0; depth < btf::kMaxNesting; ++depth) {
    const auto named = types.type(target);
    if (!named.name.empty() && std::find(contexts.begin(), contexts.end(), named.name) != contexts.end()) return true;
    if (named.kind != Kind::typedef_ && named.kind != Kind::const_ && named.kind != Kind::volatile_ &&
        named.kind != Kind::restrict_ && named.kind != Kind::type_tag)
      return false;
    target = named.ref;
  }
  return false;
}

/// A struct of the kernel, found by the name of the program's own idea of it.
Parameter kernel_object(const Input& input, TypeId target, bool or_null) {
  const auto local = input.object_types->type(input.object_types->strip(target));
  if (input.kernel_types == nullptr) return {Parameter::Kind::unsupported};
  const std::string_view name = local.name.substr(0, local.name.find("___"));
  const TypeId type = name.empty() ? 0 : input.kernel_types->find(local.kind, name);
  if (type == 0) return {Parameter::Kind::refused};
  return {Parameter::Kind::object, or_null, 0, type};
}

Parameter parameter(const Input& input, const Tags& tags, int index, TypeId id) {
  const Btf& types = *input.object_types;
  const auto type = types.type(types.strip(id));
  const auto tagged = [&](std::string_view tag) { return tags.has(index, tag); };
  if (type.kind != Kind::ptr) {
    const bool plain = is_number(types, id) && !tags.any_starts_with(index, "arg:");
    return {plain ? Parameter::Kind::number : Parameter::Kind::refused};
  }
  if (tagged("arg:ctx") || is_context(input, type.ref)) {
    const bool contradicts = tagged("arg:trusted") || tagged("arg:nonnull") || tagged("arg:nullable");
    return {contradicts ? Parameter::Kind::refused : Parameter::Kind::ctx};
  }
  for (const std::string_view tag : {"arg:arena", "arg:untrusted"})
    if (tagged(tag)) return {Parameter::Kind::unsupported};
  if (types.type(types.strip(type.ref)).name == "bpf_dynptr") return {Parameter::Kind::unsupported};
  if (tagged("arg:trusted")) {
    if (tagged("arg:nonnull")) return {Parameter::Kind::refused};
    return kernel_object(input, type.ref, tagged("arg:nullable"));
  }
  const auto bytes = types.size_of(type.ref);
  if (!bytes || tagged("arg:nullable")) return {Parameter::Kind::refused};
  return {Parameter::Kind::memory, !tagged("arg:nonnull"), *bytes};
}

const program::Subprog* subprog_at(const Input& input, std::uint32_t start) {
  const auto& subprogs = input.program->subprogs;
  const auto subprog = std::find_if(subprogs.begin(), subprogs.end(), [&](const auto& s) { return s.start == start; });
  return subprog == subprogs.end() ? nullptr : &*subprog;
}

/// The function's type in the object's BTF; 0 when it has none.
TypeId function_type(const Input& input, std::uint32_t start) {
  const program::Subprog* subprog = subprog_at(input, start);
  if (input.object_types == nullptr || subprog == nullptr) return 0;
  return input.object_types->find(Kind::func, subprog->name);
}

}  // namespace

std::optional<bool> returns_number(const Input& input, std::uint32_t start) {
  const TypeId function = function_type(input, start);
  if (function == 0) return {};
  const Btf& types = *input.object_types;
  return is_number(types, types.type(types.type(function).ref).ref);
}

std::optional<Prototype> global_prototype(const Input& input, std::uint32_t start) {
  const TypeId function = function_type(input, start);
  if (function == 0 || subprog_at(input, start)->local) return {};
  const Btf& types = *input.object_types;
  if (types.type(function).linkage != kGlobalLinkage) return {};
  const auto proto = types.type(types.type(function).ref);
  Prototype result;
  result.returns_number = is_number(types, proto.ref);
  const Tags tags(types, function);
  const auto parameters = types.parameters(proto);
  for (std::size_t i = 0; i < std::min(parameters.size(), result.parameters.size()); ++i)
    result.parameters[i] = parameter(input, tags, static_cast<int>(i), parameters[i].type);
  return result;
}

bool has_exception_callback(const Input& input) {
  const TypeId function = function_type(input, 0);
  if (function == 0) return false;
  return Tags(*input.object_types, function).any_starts_with(-1, "exception_callback:");
}

}  // namespace skep::verifier
