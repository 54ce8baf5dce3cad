// The road from a program to an image. Without facts, every access that is not plainly inside the frame becomes a
// checked op; with them, only what is not proven is checked, and what is settled before the run (settle.hpp) is not run
// at all.
//
// Decided here: where functions start, what each lddw loads, which helper each call reaches, which stack accesses need
// no check (r10 is never written, so r10 + constant is known to be inside the frame or not).
#include "lower/lower.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "abi/context_fields.hpp"
#include "context/native.hpp"
#include "isa/table.hpp"
#include "lower/bind.hpp"
#include "lower/known_calls.hpp"
#include "lower/rows.hpp"
#include "lower/settle.hpp"
#include "lower/variants.hpp"

namespace skep::lower {
namespace {

using isa::Form;
using isa::FormInfo;
using isa::Operands;
using isa::Operation;

constexpr std::int32_t kFrameBytes = 512;

bool writes_frame_pointer(const Insn& insn, const Shape& shape) {
  return (shape.writes & isa::regs::D && insn.dst == isa::kFramePointer) ||
         (shape.writes & isa::regs::S && insn.src == isa::kFramePointer);
}

/// A byte each: they are asked for every op.
using Flags = std::vector<std::uint8_t>;

class Lowering {
 public:
  explicit Lowering(Inputs inputs) : image_(std::make_shared<Image>()) {
    image_->program = std::move(inputs.program);
    image_->maps = std::move(inputs.maps);
    image_->host = std::move(inputs.host);
    image_->app_helpers = std::move(inputs.app_helpers);
    image_->app_kfuncs = std::move(inputs.app_kfuncs);
    image_->guarded = inputs.guarded;
    image_->enforced = inputs.guarded && inputs.facts != nullptr;
    if (inputs.facts != nullptr)
      image_->context_needs = {inputs.facts->context_bytes(), inputs.facts->writes_context(),
                               inputs.facts->loads_context_pointers()};
    if (!inputs.guarded) facts_ = std::move(inputs.facts);
    image_->proven = facts_ != nullptr;
  }

  Result<std::shared_ptr<Image>> run() {
    if (auto ok = check_needs(); !ok) return fail(std::move(ok).error());
    if (auto ok = check_prototypes(image_->app_helpers, image_->app_kfuncs); !ok) return fail(std::move(ok).error());
    // A proof is made of nothing else.
    if (auto ok = facts_ == nullptr ? isa::check(image_->program->insns) : Result<void>{}; !ok)
      return fail(std::move(ok).error());
    settled_ = facts_ != nullptr ? settle(*image_->program, *facts_, image_->maps) : unsettled(*image_->program);
    count_ops();
    find_functions();
    collect_regions();
    if (auto ok = lower_insns(); !ok) return fail(std::move(ok).error());
    if (facts_ != nullptr) know_calls(*image_, *facts_);
    return std::move(image_);
  }

 private:
  Result<void> check_needs() const {
    const program::Program& program = *image_->program;
    if (!program.defect.empty()) return fail(ErrorCode::malformed, "program " + program.name, program.defect);
    std::vector<std::string_view> names;
    for (const program::Need& need : program.needs) {
      const bool function = need.kind == program::Need::Kind::kfunc;
      const program::KfuncUse* kfunc = function ? program.kfunc_at(need.pc) : nullptr;
      const bool met = kfunc != nullptr && find_kfunc(image_->app_kfuncs, kfunc->name) != nullptr;
      if (!met && std::find(names.begin(), names.end(), need.name) == names.end()) names.push_back(need.name);
    }
    if (names.empty()) return {};
    return fail(ErrorCode::unsupported, "program " + program.name,
                fmt::format("needs what skep cannot give it yet: {}", fmt::join(names, ", ")));
  }

  /// A program of which nothing is known.
  static SettledProgram unsettled(const program::Program& program) {
    SettledProgram all{program.insns, forms_of(program.insns), std::vector<Settled>(program.insns.size())};
    for (std::size_t pc = 0; pc < all.at.size(); pc += slots_of(shape_of(all.forms[pc]))) all.at[pc].reached = true;
    return all;
  }

  [[nodiscard]] const Insn& insn_at(std::uint32_t pc) const { return settled_.insns[pc]; }
  [[nodiscard]] Form form_at(std::uint32_t pc) const { return settled_.forms[pc]; }
  [[nodiscard]] const Shape& shape_at(std::uint32_t pc) const { return shape_of(form_at(pc)); }
  [[nodiscard]] std::uint32_t target_at(std::uint32_t pc) const { return target_of(insn_at(pc), shape_at(pc), pc); }

  /// Some path may reach it.
  [[nodiscard]] bool is_live(std::uint32_t pc) const { return settled_.at[pc].reached; }
  /// A jump that is always taken.
  [[nodiscard]] bool only_jumps(std::uint32_t pc) const {
    return shape_at(pc).operation == Operation::ja_ || !settled_.at[pc].falls_through;
  }

  [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(settled_.at.size()); }
  /// The first op of what starts there; of what becomes none, the next one.
  [[nodiscard]] std::uint32_t op_at(std::uint32_t pc) const { return ops_from_[0] - ops_from_[pc]; }
  [[nodiscard]] bool becomes_none(std::uint32_t pc) const { return ops_from_[pc] == ops_from_[pc + 1]; }

  void count_ops() {
    const Flags dead = dead_functions();
    ops_from_.resize(slots() + 1);
    const std::span<const Settled> settled = settled_.at;
    const std::span<const Form> forms = settled_.forms;
    const std::span<std::uint32_t> ops_from = ops_from_;
    std::uint32_t ops = 0;
    for (std::uint32_t pc = slots(); pc-- > 0;) {
      const FormRow& row = row_of(forms[pc]);
      const std::uint32_t runs = settled[pc].runs();
      ops += dead[pc] + (row.has_target ? runs != 0 ? count_of_jump(pc) : 0 : runs * row.ops);
      ops_from[pc] = ops;
    }
  }

  /// Functions whose address is taken stay something to call, even when nobody does. By pc.
  [[nodiscard]] Flags dead_functions() const {
    const std::vector<Form>& forms = settled_.forms;
    Flags dead(forms.size());
    for (auto at = forms.begin(); (at = std::find(at, forms.end(), Form::lddw_func)) != forms.end(); ++at) {
      const auto pc = static_cast<std::uint32_t>(at - forms.begin());
      if (is_live(pc)) dead[target_at(pc)] = !is_live(target_at(pc));
    }
    return dead;
  }

  /// What one that is run and names another takes, when those behind it are counted. Jumps to where control goes on
  /// anyway take nothing.
  std::uint32_t count_of_jump(std::uint32_t pc) {
    const std::uint32_t target = target_at(pc);
    const bool goes_on = target > pc && ops_from_[target] == ops_from_[pc + 1];
    if (goes_on && facts_ != nullptr && only_jumps(pc)) return 0;
    leading_.push_back(pc);
    return 1;
  }

  /// Functions start at the entry, at targets of calls, and at functions whose address is taken. Without a proof any of
  /// them may find its way into its frame, whether it names r10 or not: guards let it.
  void find_functions() {
    std::vector<std::uint32_t> starts{0};
    for (const std::uint32_t pc : leading_)
      if (form_at(pc) == Form::call_subprog || form_at(pc) == Form::lddw_func) starts.push_back(target_at(pc));
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    for (const std::uint32_t start : starts)
      image_->functions.push_back({op_at(start), facts_ == nullptr ? kFrameBytes : facts_->stack_bytes(start)});
  }

  void collect_regions() {
    for (const auto& map : image_->maps)
      for (const maps::ValueArea& area : map->value_areas())
        image_->regions.push_back({reinterpret_cast<std::uint64_t>(area.base), area.bytes, area.stride, area.value_size,
                                   area.readable, area.writable, map.get()});
    auto& regions = image_->regions;
    std::sort(regions.begin(), regions.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
    regions.erase(
        std::unique(regions.begin(), regions.end(), [](const auto& a, const auto& b) { return a.base == b.base; }),
        regions.end());
  }

  Result<void> lower_insns() {
    const std::uint32_t ops = ops_from_[0];
    image_->ops.resize(ops + 1);
    image_->pcs.resize(ops + kPacketLoadOps);
    for (std::uint32_t pc = 0; pc < slots(); ++pc) {
      if (facts_ != nullptr) pc = lower_plain_ones(pc);
      if (pc == slots()) break;
      if (becomes_none(pc)) continue;
      std::fill_n(image_->pcs.begin() + made_, ops_from_[pc] - ops_from_[pc + 1], pc);
      if (auto ok = lower_insn(pc); !ok) {
        if (ok.error().where.empty()) ok.error().where = fmt::format("insn {}", pc);
        return ok;
      }
    }
    image_->ops.resize(ops);
    image_->pcs.resize(ops);
    return {};
  }

  /// Of most instructions of proven programs nothing is asked but what their row says. Returns the first from `pc` on
  /// that lower_insn() has to look at. What becomes nothing is made as well, and goes under: a branch would cost more.
  std::uint32_t lower_plain_ones(std::uint32_t pc) {
    const std::span<const Insn> insns = settled_.insns;
    const std::span<const Settled> settled = settled_.at;
    const std::span<const Form> forms = settled_.forms;
    const std::span<const std::uint32_t> ops_from = ops_from_;
    const std::span<Op> ops = image_->ops;
    const std::span<std::uint32_t> pcs = image_->pcs;
    const verifier::Facts& facts = *facts_;
    std::uint32_t made = made_;
    for (; pc < insns.size(); ++pc) {
      const FormRow& row = row_of(forms[pc]);
      const std::uint32_t own = ops_from[pc] - ops_from[pc + 1];
      const unsigned is_free_access = row.is_access & unsigned{is_free(facts.at(pc).base)};
      const unsigned is_plain = unsigned{settled[pc].is_itself()} & (row.is_plain | is_free_access);
      if (own > 0 - is_plain) break;  // of plain ones any number will do, of others 0
      const Insn insn = insns[pc];
      ops[made] = {row.code, insn.dst, insn.src, insn.off, insn.imm};
      pcs[made] = pc;
      made += own;
    }
    made_ = made;
    return pc;
  }

  Result<void> lower_insn(std::uint32_t pc) {
    const Insn& insn = insn_at(pc);
    const Shape& shape = shape_at(pc);
    const Settled& settled = settled_.at[pc];
    if (writes_frame_pointer(insn, shape))
      return fail(ErrorCode::invalid, "", "writes r10, which is the frame pointer and read-only");
    Op op{static_cast<Code>(form_at(pc)), insn.dst, insn.src, insn.off, insn.imm};
    if (!settled.reached) {
      add({Code::trap});
      return {};
    }
    if (settled.becomes == Becomes::number) {
      const bool calls = shape.operands == Operands::call_imm;
      op = {Code::constant, calls ? std::uint8_t{0} : op.dst, 0, 0, static_cast<std::int64_t>(settled.number)};
      if (settled.low_only) op.imm &= UINT32_MAX;
      add(op);
      return {};
    }
    switch (shape.operands) {
      case Operands::none:
      case Operands::dst:
      case Operands::dst_imm:
        break;
      case Operands::dst_src:
        if (facts_ != nullptr && divides(shape)) op.imm = facts_->at(pc).may_divide_by_0 ? 0 : 1;
        break;
      case Operands::packet_abs:
      case Operands::packet_ind:
        lower_packet_load(op);
        return {};
      case Operands::dst_src_imm:
        return fail(ErrorCode::unsupported, "", "addr_space_cast needs an arena map, which skep does not have yet");
      case Operands::jump_off:
      case Operands::jump_imm:
      case Operands::compare_imm:
      case Operands::compare_src:
      case Operands::call_pc: {
        if (only_jumps(pc)) op = {Code::ja, 0, 0, 0, 0};
        const std::uint32_t target = op_at(target_of(insn, shape, pc));
        op.off = static_cast<std::int32_t>(target) - static_cast<std::int32_t>(op_at(pc));
        if (shape.operands == Operands::call_pc)
          op.imm = reinterpret_cast<std::int64_t>(&image_->function_of_op(target));
        break;
      }
      case Operands::load:
        if (facts_ != nullptr)
          lower_proven_load(facts_->at(pc), form_at(pc), op);
        else if (needs_no_check(insn.src, insn, isa::info(form_at(pc))))
          op.code = variant_of(form_at(pc), may_load_field(insn, shape) ? Variant::field : Variant::free);
        break;
      case Operands::store_imm:
      case Operands::store_src:
      case Operands::atomic:
        if (facts_ != nullptr ? is_free(facts_->at(pc).base) : needs_no_check(insn.dst, insn, isa::info(form_at(pc))))
          op.code = variant_of(form_at(pc), Variant::free);
        break;
      case Operands::lddw:
        if (auto ok = lower_constant(pc, op); !ok) return ok;
        break;
      case Operands::call_imm:
        if (const program::KfuncUse* kfunc = image_->program->kfunc_at(pc))
          lower_kfunc_call(*kfunc, op);
        else if (image_->program->poison_at(pc) != nullptr)
          op.code = Code::trap;
        else if (auto ok = lower_call(insn, form_at(pc), op); !ok)
          return ok;
        break;
    }
    add(op);
    return {};
  }

  /// Past the packet's end the function that loads returns 0; it need not be the program.
  void lower_packet_load(const Op& load) {
    add(load);
    add({Code::jne64_imm, 0, 0, kPacketLoadOps - 1, static_cast<std::int64_t>(kPastPacket)});
    add({Code::mov64_imm, 0, 0, 0, 0});
    add({Code::exit});
  }

  void add(const Op& op) { image_->ops[made_++] = op; }

  /// An access through r10 at a constant offset is inside the frame for good; atomics also need their alignment.
  bool needs_no_check(unsigned base, const Insn& insn, const FormInfo& info) const {
    if (!image_->guarded) return true;
    const auto bytes = static_cast<std::int32_t>(info.width() / 8);
    const bool atomic = info.group == isa::Group::atomic32 || info.group == isa::Group::atomic64 ||
                        info.operation == Operation::load_acquire_ || info.operation == Operation::store_release_;
    return base == isa::kFramePointer && insn.off >= -kFrameBytes && insn.off <= -bytes &&
           (!atomic || insn.off % bytes == 0);
  }

  /// Memory that stays where it is and as large as it is while a program can name it.
  static bool is_free(verifier::KindSet base) {
    using verifier::kind_bit;
    using verifier::RegKind;
    constexpr verifier::KindSet kFree = kind_bit(RegKind::stack) | kind_bit(RegKind::map_value) |
                                        kind_bit(RegKind::map_key) | kind_bit(RegKind::packet) |
                                        kind_bit(RegKind::packet_meta) | kind_bit(RegKind::memory);
    return (unsigned{base != 0} & unsigned{(base & ~kFree) == 0}) != 0;  // without a branch: see lower_plain_ones
  }

  void lower_proven_load(const verifier::InsnFacts& facts, Form form, Op& op) const {
    using verifier::kind_bit;
    using verifier::RegKind;
    if (is_free(facts.base)) {
      op.code = variant_of(form, Variant::free);
    } else if (facts.base == kind_bit(RegKind::ctx)) {
      load_context(form, op);
    } else if (facts.base == kind_bit(RegKind::btf_object)) {
      op.code = variant_of(form, Variant::probe);
    }
  }

  /// The context suits the program (Image::suits): where its type has a native form, that is what lies there.
  void load_context(Form form, Op& op) const {
    const auto field = native_field(image_->program->type, static_cast<std::uint32_t>(op.off), shape_of(form).bytes());
    if (!field) {
      op.code = variant_of(form, Variant::field);
      return;
    }
    op.off = field->off;
    op.code = variant_of(field->bytes == sizeof(std::uint64_t) ? Form::ldx_dw : form, Variant::free);
  }

  /// Where nothing is checked, a load's offset and size alone say whether its base may be the context.
  bool may_load_field(const Insn& insn, const Shape& shape) const {
    const abi::ContextLayout* layout = abi::find_context_layout(image_->program->type);
    if (image_->guarded || layout == nullptr || insn.src == isa::kFramePointer || insn.off < 0) return false;
    const abi::ContextField* field = abi::find_context_field(*layout, static_cast<std::uint32_t>(insn.off));
    return field != nullptr && field->size == shape.bytes();
  }

  Result<void> lower_constant(std::uint32_t pc, Op& op) {
    const Form form = form_at(pc);
    const auto low = static_cast<std::uint32_t>(insn_at(pc).imm);
    const auto high = static_cast<std::uint32_t>(insn_at(pc + 1).imm);
    op.code = Code::constant;
    if (const program::KfuncUse* kfunc = image_->program->kfunc_at(pc)) {
      op.imm = reinterpret_cast<std::int64_t>(kfunc_binding(kfunc->name));
      return {};
    }
    switch (form) {
      case Form::lddw_imm:
        op.imm = static_cast<std::int64_t>(std::uint64_t{high} << 32 | low);
        return {};
      case Form::lddw_map:
      case Form::lddw_map_idx:
      case Form::lddw_map_value:
      case Form::lddw_map_idx_value:
        break;
      case Form::lddw_func:
        op.imm = static_cast<std::int64_t>(image_->address_of(image_->function_of_op(op_at(target_at(pc)))));
        return {};
      default:  // the only other wide form; all are listed in insns.inc
        return fail(ErrorCode::unsupported, "",
                    fmt::format("{}: kernel variables are not supported yet", isa::info(form).mnemonic));
    }
    if (low >= image_->maps.size())
      return fail(ErrorCode::invalid, "", fmt::format("names map {}, the program has {}", low, image_->maps.size()));
    const maps::MapStorage& map = *image_->maps[low];
    if (!map.usable())
      return fail(ErrorCode::unsupported, "",
                  fmt::format("uses map {} of type {}, which skep does not have yet", map.spec().name,
                              name_of(map.spec().type)));
    if (form == Form::lddw_map || form == Form::lddw_map_idx) {
      op.imm = reinterpret_cast<std::int64_t>(&map);
      return {};
    }
    const auto areas = map.value_areas();
    if (areas.size() != 1 || map.per_cpu() || high >= areas[0].value_size)
      return fail(
          ErrorCode::invalid, "",
          fmt::format("takes the address of byte {} of a value of map {}, which has {}", high, map.spec().name,
                      areas.empty() ? "no such values" : fmt::format("values of {} bytes", areas[0].value_size)));
    op.imm = reinterpret_cast<std::int64_t>(areas[0].base + high);
    return {};
  }

  Result<void> lower_call(const Insn& insn, Form form, Op& op) {
    if (form == Form::call_kfunc)
      return fail(ErrorCode::unsupported, "", fmt::format("kernel function {} is not available", insn.imm));
    Binding* binding = find_binding(static_cast<std::uint32_t>(insn.imm));
    if (binding == nullptr) {
      binding = &image_->bindings.emplace_back();
      if (auto ok =
              bind_helper(image_->app_helpers, image_->program->type, static_cast<std::uint32_t>(insn.imm), *binding);
          !ok)
        return ok;
    }
    const bool tail = binding->app == nullptr && (binding->row.effects & abi::tail_calls) != 0;
    const bool lookup = binding->app == nullptr && binding->row.ret == abi::Ret::map_value_or_null;
    if (facts_ != nullptr && binding->app != nullptr)
      return fail(ErrorCode::unsupported, "",
                  fmt::format("calls helper {}, which the application replaces: the verifier has not judged that one",
                              insn.imm));
    if (image_->guarded || (facts_ != nullptr && !tail && takes_kernel_objects(binding->row)))
      op.code = tail ? Code::tail_call_checked : lookup ? Code::call_lookup_checked : Code::call_checked;
    else
      op.code = tail ? Code::tail_call : Code::call_free;
    op.imm = reinterpret_cast<std::int64_t>(binding);
    return {};
  }

  /// Arguments that no proof makes safe to follow: what stands for a kernel's object here is nobody's memory.
  static bool takes_kernel_objects(const abi::Helper& row) {
    return std::any_of(row.args.begin(), row.args.end(),
                       [](const abi::ArgSpec& argument) { return abi::reach_of(argument.kind) == abi::Reach::kernel; });
  }

  /// A weak one that nobody gives may stand behind a check of its address, which is 0 then.
  void lower_kfunc_call(const program::KfuncUse& kfunc, Op& op) {
    const Binding* binding = kfunc_binding(kfunc.name);
    op.code = binding == nullptr ? Code::trap : image_->guarded ? Code::call_checked : Code::call_free;
    op.imm = reinterpret_cast<std::int64_t>(binding);
  }

  /// Null when the application gives no such function.
  const Binding* kfunc_binding(std::string_view name) {
    auto& bindings = image_->kfunc_bindings;
    const auto bound = std::find_if(bindings.begin(), bindings.end(),
                                    [name](const Binding& binding) { return binding.row.name == name; });
    if (bound != bindings.end()) return &*bound;
    const HelperSpec* spec = find_kfunc(image_->app_kfuncs, name);
    if (spec == nullptr) return nullptr;
    bind_app(*spec, bindings.emplace_back());
    return &bindings.back();
  }

  Binding* find_binding(std::uint32_t id) {
    const auto found = std::find_if(image_->bindings.begin(), image_->bindings.end(),
                                    [id](const Binding& binding) { return binding.row.id == id; });
    return found == image_->bindings.end() ? nullptr : &*found;
  }

  std::shared_ptr<Image> image_;
  std::shared_ptr<const verifier::Facts> facts_;  // null where nothing is proven, or all is checked all the same
  SettledProgram settled_;
  std::vector<std::uint32_t> ops_from_;  // by pc: how many ops it and all behind it become
  std::vector<std::uint32_t> leading_;   // instructions that are run and name another one: pcs
  std::uint32_t made_ = 0;               // so many of the ops are there
};

}  // namespace

Result<std::shared_ptr<Image>> lower(Inputs inputs) { return Lowering(std::move(inputs)).run(); }

}  // namespace skep::lower
