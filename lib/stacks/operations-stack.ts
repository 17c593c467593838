import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { Dashboards, Flow, OperatorAccess } from '../constructs/index.ts';
import type { Environment } from './environments.ts';
import type { FoundationStack } from './foundation-stack.ts';
import type { OrdersStack } from './orders-stack.ts';
import { PipelineStack } from './pipeline-stack.ts';

/** What people work with: business flows and their objectives, dashboards, roles. */
export class OperationsStack extends PipelineStack {
  readonly checkout: Flow;
  readonly aftercare: Flow;
  readonly dashboards: Dashboards;
  readonly access: OperatorAccess;

  constructor(scope: Construct, environment: Environment, foundation: FoundationStack, orders: OrdersStack) {
    super(scope, 'Operations', environment, 'How the order pipeline is seen and mended: flows, dashboards, roles');
    const { onCall } = foundation;
    const { success, latency } = environment.objectives;
    this.checkout = new Flow(this, 'Checkout', {
      parts: orders.checkout,
      owner: 'checkout',
      onCall,
      objectives: environment.objectives,
    });
    // What it is handed comes from the topic of the checkout, which answers for the delivery.
    this.aftercare = new Flow(this, 'Aftercare', {
      parts: orders.aftercare,
      owner: 'customer-care',
      onCall,
      objectives: { success, latency },
    });
    this.dashboards = new Dashboards(this, 'Dashboards', { flows: [this.checkout, this.aftercare], onCall });
    const { readers, operators } = environment.people ?? {};
    this.access = new OperatorAccess(this, 'Access', {
      consumers: [orders.placeOrder, ...orders.consumers],
      reader: { assumedBy: this.#people(readers) },
      operator: { assumedBy: this.#people(operators) },
      audit: foundation.audit,
      idempotency: foundation.idempotency,
      onCall,
    });
  }

  #people(arns: readonly string[] | undefined): iam.IPrincipal {
    if (arns === undefined) return new iam.AccountPrincipal(this.account);
    return new iam.CompositePrincipal(...arns.map((arn) => new iam.ArnPrincipal(arn)));
  }
}
