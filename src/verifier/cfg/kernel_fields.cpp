// Looking through a value's type for members whose type has one of the kernel's names, or a kptr tag.
#include "verifier/cfg/kernel_fields.hpp"

#include <algorithm>

#include "btf/btf.hpp"

namespace skep::verifier {
namespace {

using btf::Btf;
using btf::Kind;
using btf::TypeId;

constexpr std::string_view kStructs[] = {"bpf_spin_lock", "bpf_timer",        "bpf_wq",      "bpf_list_head",
                                         "bpf_list_node", "bpf_rb_root",      "bpf_rb_node", "bpf_refcount",
                                         "bpf_task_work", "bpf_res_spin_lock"};
constexpr std::string_view kTags[] = {"kptr_untrusted", "kptr", "percpu_kptr", "uptr"};
constexpr std::size_t kMaxFields = 64;
constexpr std::uint32_t kMaxSteps = 4096;  // members looked at: Linux gives up on deep values, too

class Search {
 public:
  explicit Search(const Btf& types) : types_(types) {}

  void visit(TypeId id, std::uint32_t off, unsigned depth) {
    if (depth > btf::kMaxNesting || fields.size() >= kMaxFields || ++steps_ > kMaxSteps) return;
    const TypeId stripped = types_.strip(id);
    const auto type = types_.type(stripped);
    if (type.kind == Kind::ptr) return pointer(type.ref, off);
    if (type.kind == Kind::array) {
      const auto bytes = types_.size_of(type.ref);
      if (!bytes || *bytes == 0) return;
      for (std::uint32_t i = 0; i < std::min<std::uint32_t>(type.count, kMaxFields); ++i)
        visit(type.ref, off + i * *bytes, depth + 1);
      return;
    }
    if (type.kind != Kind::struct_ && type.kind != Kind::union_) return;
    if (std::find(std::begin(kStructs), std::end(kStructs), type.name) != std::end(kStructs)) {
      fields.push_back({off, type.size});
      return;
    }
    for (const auto& member : types_.members(type)) visit(member.type, off + member.bit_offset / 8, depth + 1);
  }

  std::vector<KernelField> fields;

 private:
  void pointer(TypeId target, std::uint32_t off) {
    const auto tag = types_.type(target);
    if (tag.kind == Kind::type_tag && std::find(std::begin(kTags), std::end(kTags), tag.name) != std::end(kTags))
      fields.push_back({off, 8});
  }

  const Btf& types_;
  std::uint32_t steps_ = 0;
};

}  // namespace

std::vector<KernelField> kernel_fields(const Input& input, const MapSpec& spec) {
  if (input.object_types == nullptr || spec.btf_value_type == 0) return {};
  Search search(*input.object_types);
  search.visit(spec.btf_value_type, 0, 0);
  return std::move(search.fields);
}

}  // namespace skep::verifier
