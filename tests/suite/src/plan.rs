//! The cases of the guest's suite, in the order in which they run.
//!
//! The one list of them: the suite takes its table from here and the host its plan, so a case that is planned and
//! missing does not compile, and one that is silent is seen. The host includes this file; it uses nothing.

/// Hands the lists to a macro. `system` runs on the system as it is; `deviant` on one whose proc-server leaves a task's
/// ticket out when asked to, and with a case that fails on purpose.
macro_rules! every_case {
    ($apply:ident) => {
        $apply! {
            system {
                groups::a_new_group_is_empty_and_has_no_limit_of_its_own,
                groups::children_are_listed_by_the_page_oldest_first,
                groups::a_group_vanishes_with_its_last_reference,
                groups::a_member_cannot_change_its_own_group_or_see_above_it,
                groups::stale_group_ids_are_refused,
                groups::labels_are_kept_and_control_characters_refused,
                groups::a_limit_below_the_usage_ends_nobody_and_admits_nothing,
                groups::a_limit_of_zero_allows_nothing,
                groups::the_effective_limit_is_the_tightest_on_the_way_up,
                groups::would_fit_says_what_then_happens_and_changes_nothing,
                boundary::exact_boundary_of_groups_at_every_level_of_16,
                boundary::exact_boundary_of_tasks_at_every_level_of_16,
                boundary::exact_boundary_of_threads_at_every_level_of_16,
                boundary::exact_boundary_of_frames_at_every_level_of_16,
                boundary::exact_boundary_of_commit_at_every_level_of_16,
                boundary::exact_boundary_of_kernel_memory_at_every_level_of_16,
                boundary::exact_boundary_of_cap_slots_at_every_level_of_16,
                boundary::exact_boundary_of_address_spaces_at_every_level_of_16,
                boundary::touched_pages_stop_exactly_at_the_limit_at_every_level_of_16,
                boundary::reserved_pages_stop_exactly_at_the_limit_at_every_level_of_16,
                boundary::further_threads_stop_exactly_at_the_limit_at_every_level_of_16,
                boundary::siblings_race_for_the_last_unit_and_one_gets_it,
                tasks::a_child_is_born_in_its_parents_group_before_its_first_instruction,
                tasks::a_child_can_be_born_in_a_group_below,
                tasks::spawning_above_or_beside_is_refused,
                tasks::exit_codes_reach_the_parent,
                tasks::a_panic_is_exit_code_101,
                tasks::wait_takes_any_child_or_the_one_named,
                tasks::kill_reaches_descendants_and_groups_below_and_nobody_else,
                tasks::parents_and_children_know_each_other,
                tasks::an_orphan_lives_on_in_its_group,
                tasks::what_a_task_opened_is_let_go_when_it_ends,
                tasks::ends_that_nobody_waits_for_are_kept_and_then_counted,
                tasks::stale_task_ids_are_refused,
                tasks::threads_start_run_join_and_end,
                tasks::an_ended_threads_ipc_buffer_is_out_of_reach,
                tasks::a_group_is_killed_with_a_receipt_that_is_equal,
                tasks::a_bomb_at_full_speed_cannot_outrun_the_kill,
                faults::each_fault_ends_the_task_with_its_reason,
                faults::a_stack_overflow_hits_the_guard_page,
                faults::an_address_above_4_gib_is_not_mistaken_for_its_low_half,
                faults::a_forged_fault_message_is_refused,
                faults::a_task_can_forge_a_fault_only_against_itself,
                memory::regions_are_reserved_mapped_touched_and_given_back,
                memory::wrong_mappings_are_refused,
                memory::a_page_is_read_only_where_it_is_mapped_so,
                memory::another_tasks_region_is_unknown,
                memory::stale_region_ids_are_refused,
                memory::frames_arrive_zeroed_after_another_group_used_them,
                memory::every_page_of_a_task_has_come_back_before_its_parent_hears,
                memory::a_killed_task_gives_everything_back_1000_times_in_a_row,
                hostile::every_wrong_label_length_and_capability_is_refused_by_the_proc_server,
                hostile::every_wrong_label_length_and_capability_is_refused_by_the_memory_server,
                hostile::every_wrong_label_length_and_capability_is_refused_by_the_limits_server,
                hostile::every_wrong_label_length_and_capability_is_refused_by_the_root_task,
                hostile::random_messages_to_the_proc_server_get_typed_answers_100000_times,
                hostile::random_messages_to_the_memory_server_get_typed_answers_100000_times,
                hostile::random_messages_to_the_limits_server_get_typed_answers_100000_times,
                hostile::random_messages_to_the_root_task_get_typed_answers_100000_times,
                hostile::no_invocation_on_any_slot_does_anything,
                hostile::nothing_can_be_received_on_any_slot,
                hostile::beyond_the_last_slot_there_is_nothing,
                hostile::a_client_that_keeps_every_server_busy_does_not_stop_its_equal,
                hostile::what_only_an_operator_may_do_is_refused_to_others,
                hostile::a_flood_on_the_console_is_dropped_and_counted,
                figures::instructions_of_calls_charges_faults_and_spawns,
            }
            deviant {
                deviant::a_task_without_a_ticket_never_runs_nor_gets_a_page,
                deviant::a_task_with_a_ticket_runs_beside_it,
                deviant::this_case_fails_on_purpose,
            }
        }
    };
}
